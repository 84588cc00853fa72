using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>
/// What the table keeps of a client's events in the log, in 16 octets: how many of each kind were logged in its minute, which its first event begins, and
/// whether it is among those counted for the next summary. It knows no limit; times are the table's seconds.
/// </summary>
internal struct AnvilLogUse
{
    /// <summary>Seconds a budget lasts.</summary>
    public const int Minute = 60;

    private const int Kinds = (int)LogEventKind.Session + 1;

    // The second the minute began in, and 1: 0 for none.
    private int _begun;
    private Counts _logged;
    private ushort _period;

    /// <summary>Takes one of a kind, if fewer than the limit were taken in this minute.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="limit">How many a minute may have, at most 65535.</param>
    /// <param name="now">The second.</param>
    /// <param name="isFirst">Whether it begins a minute.</param>
    public bool TryTake(LogEventKind kind, int limit, int now, out bool isFirst)
    {
        isFirst = IsOver(now);
        if (isFirst)
            (_begun, _logged) = (now + 1, default);
        if (_logged[(int)kind] >= limit)
            return false;

        _logged[(int)kind]++;
        return true;
    }

    /// <summary>Whether one of a kind could be taken.</summary>
    public readonly bool HasRoom(LogEventKind kind, int limit, int now) => IsOver(now) || _logged[(int)kind] < limit;

    /// <summary>Seconds until the next event begins a new minute.</summary>
    public readonly int SecondsLeft(int now) => IsOver(now) ? 0 : _begun - 1 + Minute - now;

    /// <summary>Counts the client for a summary.</summary>
    /// <param name="period">Which summary; above 0.</param>
    /// <returns>False: it was counted already.</returns>
    public bool TryMark(ushort period)
    {
        if (_period == period)
            return false;

        _period = period;
        return true;
    }

    private readonly bool IsOver(int now) => _begun == 0 || now >= (long)_begun - 1 + Minute;

    [InlineArray(Kinds)]
    private struct Counts
    {
        private ushort _first;
    }
}
