using Microsoft.Extensions.Logging;
using SmtpShield.Limits;

namespace SmtpShield.Throttling;

/// <summary>
/// How much of the log clients may fill: each <c>shield_log_client_limit</c> events a minute of each kind, all together 80 events a second. What is left out is
/// counted. It decides and counts; which lines an event has, <see cref="ClientLines"/> knows.
/// </summary>
/// <remarks>
/// Below 300 lines a second: 80 events of three lines, 50 lines of clients that have logged nothing else in their minute, and the summary.
/// journald drops all lines of a unit beyond 10,000 in 30 s (journald.conf(5), <c>RateLimitBurst=</c>; more with much free disk).
/// </remarks>
internal sealed class LogThrottle
{
    // Events of all clients.
    private const int EventsPerSecond = 80;
    private const int EventsAtOnce = 1500;

    // Beyond: a line of each client.
    private const int LinesPerSecond = 50;

    // Clients whose lines left out are counted apart.
    private const int MostDebts = 4096;

    private const int SecondsOfAPeriod = 10;

    private readonly AnvilLog _budgets;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly Dictionary<AnvilKey, LogDebt> _debts = [];
    private LogBucket _events;
    private LogBucket _lines;
    private long _leftOut;
    private long _clients;
    private ushort _period;

    /// <summary>Makes one with full buckets.</summary>
    public LogThrottle(AnvilTable anvil, TimeProvider time, ILogger<LogThrottle> log)
    {
        _budgets = new(anvil);
        _time = time;
        _log = log;
        _startedAt = time.GetTimestamp();
        _events = new(time, EventsAtOnce, EventsPerSecond);
        _lines = new(time, LinesPerSecond, LinesPerSecond);
    }

    // Above 0.
    private ushort Period => (ushort)((long)_time.GetElapsedTime(_startedAt).TotalSeconds / SecondsOfAPeriod % ushort.MaxValue + 1);

    /// <summary>Whether a connection that begins is logged at once: however it ends there is room for it now. Takes it out of the budget of all.</summary>
    /// <param name="key">The client; null when it is exempt, and has no budget of its own.</param>
    /// <param name="limit">Events of a kind a minute, above 0.</param>
    public bool TryBegin(AnvilKey? key, int limit)
    {
        if (key is { } client && !_budgets.HasRoom(client, limit))
            return false;
        lock (_gate)
            return _events.TryTake();
    }

    /// <summary>A connection that was taken out of the budget of all has delivered a message: those are free.</summary>
    public void GiveBack()
    {
        lock (_gate)
            _events.GiveBack();
    }

    /// <summary>Judges an event.</summary>
    /// <param name="key">The client; null when it is exempt.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="limit">Events of a kind a minute, above 0.</param>
    /// <param name="isPaid">Whether it has been taken out of the budget of all.</param>
    public (LogVerdict Verdict, LogTurn Turn) Judge(AnvilKey? key, LogEventKind kind, int limit, bool isPaid)
    {
        var turn = key is { } client ? _budgets.Take(client, kind, limit) : new(IsWithin: true, IsFirst: true, SecondsLeft: 0);
        if (!turn.IsWithin)
            return (LogVerdict.CountedForClient, turn);
        if (isPaid)
            return (LogVerdict.Whole, turn);
        lock (_gate)
        {
            return (_events.TryTake() ? LogVerdict.Whole
                : turn.IsFirst && _lines.TryTake() ? LogVerdict.OneLine
                : LogVerdict.CountedForAll, turn);
        }
    }

    /// <summary>Counts lines that are left out because their client has used its budget up.</summary>
    /// <param name="key">The client.</param>
    /// <param name="name">The client, as in the lines.</param>
    /// <param name="kind">The kind of event.</param>
    /// <param name="secondsLeft">Until the client's minute is over.</param>
    /// <param name="lines">How many.</param>
    /// <param name="log">Where the summary goes.</param>
    /// <param name="last">The line that says what happened; null: an earlier one has said it.</param>
    public void LeaveOut(in AnvilKey key, string name, LogEventKind kind, int secondsLeft, long lines, ILogger log, HeldLine? last)
    {
        lock (_gate)
        {
            if (!_debts.TryGetValue(key, out var debt) && _debts.Count < MostDebts)
                _debts[key] = debt = new(name, log, _time.GetTimestamp() + secondsLeft * _time.TimestampFrequency);
            if (debt is not null)
            {
                debt.Add(kind, lines, last);
                return;
            }
        }

        LeaveOut(key, lines);
    }

    /// <summary>Counts lines that are left out because all clients together have used their budget up.</summary>
    /// <param name="key">The client; null when it is exempt: it counts as another one each time.</param>
    /// <param name="lines">How many.</param>
    public void LeaveOut(AnvilKey? key, long lines)
    {
        var period = Period;
        var isNew = key is not { } client || _budgets.TryMark(client, period);
        WriteSummary(except: period);
        lock (_gate)
        {
            _period = period;
            _leftOut += lines;
            _clients += isNew ? 1 : 0;
        }
    }

    /// <summary>Logs what was left out of clients whose minute is over, and of all when ten seconds are.</summary>
    /// <param name="isLast">Whether the shield stops: then of all there are.</param>
    public void Sweep(bool isLast = false)
    {
        foreach (var (key, debt) in TakeDue(isLast))
        {
            bool mayWrite;
            lock (_gate)
                mayWrite = _events.TryTake();
            if (mayWrite)
                debt.Write();
            else
                LeaveOut(key, debt.Lines);
        }

        WriteSummary(except: isLast ? (ushort)0 : Period);
    }

    private List<KeyValuePair<AnvilKey, LogDebt>> TakeDue(bool isLast)
    {
        var now = _time.GetTimestamp();
        var due = new List<KeyValuePair<AnvilKey, LogDebt>>();
        lock (_gate)
        {
            foreach (var debt in _debts)
            {
                if (isLast || debt.Value.Due <= now)
                    due.Add(debt);
            }

            foreach (var debt in due)
                _debts.Remove(debt.Key);
        }

        return due;
    }

    private void WriteSummary(ushort except)
    {
        long lines, clients;
        lock (_gate)
        {
            if (_leftOut == 0 || _period == except)
                return;
            (lines, clients) = (_leftOut, _clients);
            (_leftOut, _clients) = (0, 0);
        }

        ThrottleLog.SuppressedOfAll(_log, lines, clients);
    }
}
