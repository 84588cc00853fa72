using SmtpShield.Bans;
using SmtpShield.Control.Banning;

namespace SmtpShield.Control.Events;

/// <summary>
/// Bans that begin and end, for the stream: at most <see cref="Most"/> of each a second, the rest as one count. It is told within a session, and there only
/// takes a copy, and nothing while nobody watches.
/// </summary>
internal sealed class BanFeed
{
    /// <summary>Events of the topic <c>ban</c> a second, and as many of the topic <c>unban</c>.</summary>
    public const int Most = 20;

    private readonly EventStream _stream;
    private readonly TimeProvider _time;
    private readonly EventBudget _begun = new(Most);
    private readonly EventBudget _over = new(Most);

    /// <summary>Listens to the bans.</summary>
    public BanFeed(EventStream stream, BanTable bans, TimeProvider time)
    {
        (_stream, _time) = (stream, time);
        bans.Changed += Note;
    }

    /// <summary>Begins the next second, and says how many were left out in this one.</summary>
    public void Renew()
    {
        if (_begun.Renew() is > 0 and var begun)
            _stream.Publish(StreamTopic.Ban, new MoreEvents(_time.GetUtcNow(), begun));
        if (_over.Renew() is > 0 and var over)
            _stream.Publish(StreamTopic.Unban, new MoreEvents(_time.GetUtcNow(), over));
    }

    private void Note(Ban ban, BanChangeKind kind)
    {
        var (topic, budget) = kind == BanChangeKind.Began ? (StreamTopic.Ban, _begun) : (StreamTopic.Unban, _over);
        if (!_stream.IsWatched(topic) || !budget.TryTake())
            return;
        var state = kind switch
        {
            BanChangeKind.Began => BanReport.Active,
            BanChangeKind.Lifted or BanChangeKind.LiftedElsewhere => BanReport.Lifted,
            _ => BanReport.Over,
        };
        _stream.Publish(topic, BanReport.Of(ban) with { State = state, At = _time.GetUtcNow() });
    }
}
