using System.Globalization;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>How many commands a session has seen and how many succeeded, for the <c>disconnect from</c> line (Postfix smtpd.c, since 3.0).</summary>
internal sealed class CommandStatistics
{
    private readonly int[] _succeeded = new int[Verbs.Count];
    private readonly int[] _seen = new int[Verbs.Count];

    /// <summary>Counts a command that was taken from the client.</summary>
    public void CountSeen(Verb verb) => _seen[(int)verb]++;

    /// <summary>Counts a success of a command counted before.</summary>
    public void CountSucceeded(Verb verb) => _succeeded[(int)verb]++;

    /// <summary>Counts as unrecognized what looked like a known verb: an MTA that answers 500 or 502 does not know it.</summary>
    public void MoveToUnknown(Verb verb)
    {
        _seen[(int)verb]--;
        _seen[(int)Verb.Unknown]++;
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
            if (statistics._seen[verb] == 0)
                continue;

            Append(text, ((Verb)verb).Name().ToLowerInvariant(), statistics._succeeded[verb], statistics._seen[verb], isTotal: false);
            succeeded += statistics._succeeded[verb];
            seen += statistics._seen[verb];
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
