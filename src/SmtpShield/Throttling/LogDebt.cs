using Microsoft.Extensions.Logging;
using SmtpShield.Limits;

namespace SmtpShield.Throttling;

/// <summary>Lines about one client that were left out in its minute, and the last one of each kind of event.</summary>
/// <param name="client">The client, as in the lines.</param>
/// <param name="log">Where the summary goes.</param>
/// <param name="due">When its minute is over; a timestamp.</param>
internal sealed class LogDebt(string client, ILogger log, long due)
{
    private readonly HeldLine?[] _last = new HeldLine?[(int)LogEventKind.Session + 1];

    /// <summary>When its minute is over; a timestamp.</summary>
    public long Due => due;

    /// <summary>How many lines.</summary>
    public long Lines { get; private set; }

    /// <summary>Lines are left out.</summary>
    /// <param name="kind">The kind of event.</param>
    /// <param name="lines">How many.</param>
    /// <param name="last">The one of them that says what happened; null: an earlier one has said it.</param>
    public void Add(LogEventKind kind, long lines, HeldLine? last)
    {
        Lines += lines;
        if (last is not null)
            _last[(int)kind] = last;
    }

    /// <summary>Logs the last line of each kind, and how many others there were.</summary>
    public void Write()
    {
        var left = Lines;
        foreach (var last in _last)
        {
            if (last is not { } line)
                continue;
            line.Write();
            left--;
        }

        if (left > 0)
            ThrottleLog.Suppressed(log, left, client);
    }
}
