using SmtpShield.Control.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Control.Events;

/// <summary>
/// What limits refuse to clients, for the stream: at most <see cref="MostLimited"/> a second, the rest as one count. It is told within a session, and there
/// only takes a copy, and nothing while nobody watches.
/// </summary>
internal sealed class ClientEventFeed
{
    /// <summary>Events of the topic <c>limited</c> a second.</summary>
    public const int MostLimited = 20;

    private readonly EventStream _stream;
    private readonly AnvilTable _table;
    private readonly TimeProvider _time;
    private readonly EventBudget _limited = new(MostLimited);

    /// <summary>Listens to the history of clients.</summary>
    public ClientEventFeed(EventStream stream, AnvilTable table, TimeProvider time)
    {
        (_stream, _table, _time) = (stream, table, time);
        table.History.Noted += Note;
    }

    /// <summary>Begins the next second, and says how many were left out in this one.</summary>
    public void Renew()
    {
        if (_limited.Renew() is > 0 and var more)
            _stream.Publish(StreamTopic.Limited, new MoreEvents(_time.GetUtcNow(), more));
    }

    private void Note(in AnvilKey key, in ClientEvent noted)
    {
        if (noted.Kind == ClientEventKind.Released)
        {
            if (_stream.IsWatched(StreamTopic.Released))
                _stream.Publish(StreamTopic.Released, EventOf(key, noted));
        }
        else if (noted.Kind != ClientEventKind.Error && _stream.IsWatched(StreamTopic.Limited) && _limited.TryTake())
        {
            _stream.Publish(StreamTopic.Limited, EventOf(key, noted));
        }
    }

    private ClientStreamEvent EventOf(in AnvilKey key, in ClientEvent noted)
    {
        var report = ClientEventReport.Of(noted, _table);
        return new(report.At, key.Service, $"{key.Client}", report.Kind)
        {
            Rule = report.Rule,
            Code = report.Code,
            Count = report.Count,
            Limit = report.Limit,
        };
    }
}
