using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Hunter;

/// <summary>A session as one reads it: <c>⏎</c> is CR LF, <c>␍</c> a lone CR, <c>␊</c> a lone LF, <c>␀</c> a NUL.</summary>
internal static partial class SessionText
{
    /// <summary>Octets made visible, long runs of one shortened.</summary>
    public static string Show(string octets) => LongRun.Replace(octets, static run => $"{run.Value[0]}({run.Length})")
        .Replace("\r\n", "⏎", StringComparison.Ordinal).Replace('\r', '␍').Replace('\n', '␊').Replace('\0', '␀').Replace('\t', '␉');

    /// <summary>All that was planned, sent, received and answered.</summary>
    public static string Describe(SessionPlan plan, ClientLog client, MtaLog mta)
    {
        var text = new StringBuilder();
        text.AppendLine("Client's plan:" + (plan.TalksFirst ? " does not wait for the greeting" : ""));
        foreach (var step in plan.Steps)
            text.AppendLine(System.Globalization.CultureInfo.InvariantCulture,
                $"  {(step.RepliesAwaited > 0 ? $"(awaits {step.RepliesAwaited} replies) " : "")}{Show(step.Octets)}");
        text.AppendLine(System.Globalization.CultureInfo.InvariantCulture, $"  then {plan.Leaving}{(plan.LeavesAtOnce ? " at once" : "")}");
        text.AppendLine("Client received:").AppendLine("  " + Show(client.Received).Replace("⏎", "⏎\n  ", StringComparison.Ordinal));
        text.AppendLine("MTA:" + (mta.HasConnected ? "" : " not connected"));
        for (var (i, output) = (0, 0); i <= mta.Events.Count; i++)
        {
            for (; output < mta.Outputs.Count && mta.Outputs[output].EventsBefore <= i; output++)
                text.AppendLine("  > " + Show(mta.Outputs[output].Sent));
            if (i < mta.Events.Count)
                text.AppendLine(System.Globalization.CultureInfo.InvariantCulture,
                    $"  < {mta.Events[i].Kind}{(mta.Events[i].IsComplete ? "" : " (incomplete)")} {Show(mta.Events[i].Octets)}");
        }

        if (mta.HasClosed)
            text.AppendLine("  closes");
        return text.ToString();
    }

    [GeneratedRegex("([a-z])\\1{30,}")]
    private static partial Regex LongRun { get; }
}
