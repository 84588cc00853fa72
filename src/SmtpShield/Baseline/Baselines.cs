using System.Collections.Concurrent;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Baseline;

/// <summary>
/// Observes what clients do, where <c>shield_observe</c> is set: how much in each window, when that is over; how many connections a client had open at each
/// connect and how many errors a session had, when the connection is over, because only then it is known whether the client delivers mail.
/// </summary>
internal sealed class Baselines
{
    private readonly ConcurrentDictionary<string, BaselineBook> _books = new(StringComparer.Ordinal);
    private readonly AnvilTable _table;
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;

    /// <summary>Listens to the table.</summary>
    public Baselines(AnvilTable table, ShieldSnapshot snapshot, TimeProvider time)
    {
        (_table, _snapshot, _time) = (table, snapshot, time);
        foreach (var service in snapshot.Current.Services.Keys)
            Of(service);
        table.WindowEnded += NoteWindow;
        table.ConnectionEnded += NoteConnection;
    }

    /// <summary>Days since 1970, by the clock on the wall.</summary>
    public long Today => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerDay;

    /// <summary>Seconds of a window.</summary>
    public int Unit => AnvilWindow.Of(_snapshot.Current.Anvil).Unit;

    /// <summary>What was observed at a service.</summary>
    public BaselineBook Of(string service) => _books.GetOrAdd(service, static _ => new());

    /// <summary>All that is kept, a line for each histogram that is not empty.</summary>
    public IEnumerable<string> Lines()
    {
        var (today, unit) = (Today, Unit);
        foreach (var (service, book) in _books)
        {
            for (var day = today - BaselineBook.Days + 1; day <= today; day++)
            {
                foreach (var (limit, observed) in ObservedLimit.All.Index())
                {
                    foreach (var whose in Enum.GetValues<ClientClass>())
                    {
                        if (book.Sum(limit, whose, day, 0, unit) is { Count: > 0 } sample)
                            yield return BaselineLine.Write(new(service, day, unit, observed.Parameter, whose, sample.Largest), sample.Filled());
                    }
                }
            }
        }
    }

    /// <summary>A line of an earlier process is added to what is there; one that is too old, or of another unit, is not wanted any more.</summary>
    /// <returns>False: it is none.</returns>
    public bool TryRestore(string line)
    {
        if (!BaselineLine.TryRead(line, out var head, out var filled))
            return false;

        var limit = ObservedLimit.All.Index().FirstOrDefault(one => one.Item.Parameter == head.Parameter, (Index: -1, Item: null!)).Index;
        if (limit < 0)
            return false;
        var today = Today;
        if (head.Unit != Unit || head.Day > today || head.Day <= today - BaselineBook.Days)
            return true;

        var its = Of(head.Service).Of(head.Day, head.Unit);
        foreach (var (bucket, count) in filled)
            its.Restore(limit, head.Whose, bucket, count);
        its.NoteLargest(limit, head.Whose, head.Largest);
        return true;
    }

    private void NoteWindow(string service, in ClientRange client, in AnvilEventCounts counts, int start)
    {
        if (!_snapshot.Current.Of(service).Anvil.Observe)
            return;

        var unit = Unit;
        var (its, whose) = (Of(service).Of(Today, unit), ClassOf(client, start, unit));
        for (var i = 0; i < AnvilEventCounts.Length; i++)
        {
            if (counts[i] > 0)
                its.Add(ObservedLimit.PlaceOf(i), whose, counts[i]);
        }
    }

    private void NoteConnection(CountedConnection connection)
    {
        if (!_snapshot.Current.Of(connection.Key.Service).Anvil.Observe)
            return;

        var unit = Unit;
        var (its, whose) = (Of(connection.Key.Service).Of(Today, unit), ClassOf(connection.Key.Client, connection.Second, unit));
        its.Add(ObservedLimit.OpenConnections, whose, connection.Open);
        if (connection.MostErrors is { } errors)
            its.Add(ObservedLimit.SessionErrors, whose, errors);
    }

    private ClientClass ClassOf(in ClientRange client, int second, int unit) =>
        _table.Delivering.Find(client) is { } mail && mail.LastAt >= _table.TimeOf(second).AddSeconds(-unit) ? ClientClass.Delivers : ClientClass.Other;
}
