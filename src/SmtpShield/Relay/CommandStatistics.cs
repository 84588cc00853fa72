using System.Globalization;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>How many commands a session has seen and how many succeeded, for the <c>disconnect from</c> line (Postfix smtpd.c, since 3.0).</summary>
internal sealed class CommandStatistics
{
    // Two numbers a verb: seen, succeeded.
    private readonly int[] _counts = new int[2 * Verbs.Count];

    /// <summary>Counts a command, when its reply is known or the session ended without one.</summary>
    /// <param name="verb">The command; an unrecognized one never succeeds, whatever the MTA said to it.</param>
    /// <param name="succeeded">Whether the reply was 2xx.</param>
    public void Count(Verb verb, bool succeeded)
    {
        _counts[2 * (int)verb]++;
        if (succeeded && verb != Verb.Unknown)
            _counts[(2 * (int)verb) + 1]++;
    }

    /// <summary>Writes <c> cmd=ok</c> or <c> cmd=ok/total</c> for the commands seen, in Postfix's order, and the total; <c> commands=0/0</c> when there were none.</summary>
    /// <param name="statistics">The session's; null when it ended before any command.</param>
    public static string Describe(CommandStatistics? statistics)
    {
        if (statistics is null)
            return " commands=0/0";

        var text = new StringBuilder(96);
        int succeeded = 0, seen = 0;
        for (var verb = 0; verb < Verbs.Count; verb++)
        {
            var (verbSeen, verbSucceeded) = (statistics._counts[2 * verb], statistics._counts[(2 * verb) + 1]);
            if (verbSeen == 0)
                continue;

            Append(text, ((Verb)verb).Name().ToLowerInvariant(), verbSucceeded, verbSeen, isTotal: false);
            succeeded += verbSucceeded;
            seen += verbSeen;
        }

        Append(text, "commands", succeeded, seen, isTotal: true);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, int succeeded, int seen, bool isTotal)
    {
        text.Append(' ').Append(name).Append('=').Append(succeeded.ToString(CultureInfo.InvariantCulture));
        if (succeeded != seen || (isTotal && seen == 0))
            text.Append('/').Append(seen.ToString(CultureInfo.InvariantCulture));
    }
}
