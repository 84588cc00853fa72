using Microsoft.Extensions.Logging;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Throttling;

/// <summary>
/// The log lines about one connection, from <c>connect from</c> to <c>disconnect from</c>. They are logged as they come, as long as the client is below its
/// budget; else they are held back until the session delivers a message, or an event of it is within a budget, and left out when it ends without. Used by one
/// thread at a time.
/// </summary>
internal sealed class ClientLines
{
    // A session's beginning has a handful.
    private const int MostHeld = 32;

    private readonly LogThrottle? _throttle;
    private readonly ConnectionOptions? _options;
    private readonly AnvilKey? _key;
    private readonly string _client = "";
    private readonly List<HeldLine> _held = [];
    private HeldLine? _telling;
    private long _dropped;
    private bool _isShown;
    private readonly bool _isPaid;
    private bool _isRefused;
    private bool _hasDelivered;
    private (LogVerdict Verdict, LogTurn Turn) _refusal;

    private ClientLines() => _isShown = true;

    /// <summary>A connection begins.</summary>
    /// <param name="throttle">The budgets.</param>
    /// <param name="options">The limit in force.</param>
    /// <param name="key">The client; null when it is exempt, and has no budget of its own.</param>
    /// <param name="client">The client, as in the lines.</param>
    public ClientLines(LogThrottle throttle, ConnectionOptions options, AnvilKey? key, string client)
    {
        (_throttle, _options, _key, _client) = (throttle, options, key, client);
        _isPaid = Limit > 0 && throttle.TryBegin(key, Limit);
        _isShown = _isPaid || Limit == 0;
    }

    /// <summary>Lines without a budget, all of which are logged.</summary>
    public static ClientLines Unlimited { get; } = new();

    private int Limit => _options?.LogClientLimit ?? 0;

    /// <summary>A logger whose lines are among these.</summary>
    public ILogger Through(ILogger log) => _throttle is null ? log : new ThrottledLogger(this, log);

    /// <summary>Takes a line, if it is not to be logged now.</summary>
    /// <returns>Whether it is.</returns>
    public bool Take<TState>(ILogger log, LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var (role, kind) = LineRoles.Of(id.Id);
        switch (role)
        {
            case LineRole.Event:
                var (verdict, turn) = Judge(kind);
                if (kind == LogEventKind.Connection)
                    (_isRefused, _refusal) = (true, (verdict, turn));
                if (verdict == LogVerdict.Whole)
                    Show();
                if (verdict is LogVerdict.Whole or LogVerdict.OneLine)
                    return true;
                LeaveOut(verdict, kind, turn, 1, log, Line());
                return false;
            case LineRole.Part or LineRole.Telling when !_isShown:
                var line = Line();
                if (role == LineRole.Telling)
                    _telling = line;
                if (_held.Count < MostHeld)
                    _held.Add(line);
                else
                    _dropped++;
                return false;
            case LineRole.MayDeliver:
                NoteDelivered();
                return true;
            default:
                return true;
        }

        HeldLine Line() => new(log, level, id, formatter(state, exception));
    }

    /// <summary>The session has delivered a message: its lines are never left out, nor do they use the budgets up.</summary>
    public void NoteDelivered()
    {
        if (_hasDelivered || _throttle is null)
            return;

        _hasDelivered = true;
        Show();
        if (_isPaid)
            _throttle.GiveBack();
    }

    /// <summary>The session has left out lines itself.</summary>
    /// <param name="log">Where to say so.</param>
    /// <param name="lines">How many.</param>
    public void NoteSuppressed(ILogger log, long lines)
    {
        if (lines == 0)
            return;
        if (_isShown)
            ThrottleLog.Suppressed(log, lines, _client);
        else
            _dropped += lines;
    }

    /// <summary>The last line has been given. A session that ended without a message is an event, a refused connection was one when it was refused.</summary>
    public void End()
    {
        if (_throttle is null || _hasDelivered)
            return;

        if (_isRefused)
        {
            if (!_isShown)
                LeaveOutHeld(_refusal.Verdict, LogEventKind.Connection, _refusal.Turn, except: 0, last: null);
            return;
        }

        var wasShown = _isShown;
        var (verdict, turn) = Judge(LogEventKind.Session);
        if (wasShown)
            return;

        if (verdict == LogVerdict.Whole || _held.Count == 0)
        {
            Show();
            return;
        }

        var telling = _telling ?? _held[^1];
        if (verdict == LogVerdict.OneLine)
            telling.Write();
        LeaveOutHeld(verdict, LogEventKind.Session, turn, except: verdict == LogVerdict.OneLine ? 1 : 0, telling);
    }

    // The connection's own event was taken out of the budget of all when it began; what is shown is shown to its end.
    private (LogVerdict Verdict, LogTurn Turn) Judge(LogEventKind kind)
    {
        if (Limit is not (> 0 and var limit))
            return (LogVerdict.Whole, default);

        var isOwn = kind is LogEventKind.Connection or LogEventKind.Session;
        var judged = _throttle!.Judge(_key, kind, limit, isPaid: isOwn && _isShown);
        return isOwn && _isShown ? (LogVerdict.Whole, judged.Turn) : judged;
    }

    private void Show()
    {
        _isShown = true;
        foreach (var line in _held)
            line.Write();
        _held.Clear();
    }

    private void LeaveOutHeld(LogVerdict verdict, LogEventKind kind, in LogTurn turn, int except, HeldLine? last)
    {
        if (_held.Count + _dropped - except is > 0 and var lines)
            LeaveOut(verdict, kind, turn, lines, _held[0].Log, last);
    }

    private void LeaveOut(LogVerdict verdict, LogEventKind kind, in LogTurn turn, long lines, ILogger log, HeldLine? last)
    {
        if (verdict == LogVerdict.CountedForClient && _key is { } key)
            _throttle!.LeaveOut(key, _client, kind, turn.SecondsLeft, lines, log, last);
        else
            _throttle!.LeaveOut(_key, lines);
    }
}
