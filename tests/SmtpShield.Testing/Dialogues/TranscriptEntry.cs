using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Dialogues;

/// <summary>One thing a client saw: a line of a reply, or the close of its connection.</summary>
/// <param name="Client">The client.</param>
/// <param name="Text">The line as it came; <c>(closed)</c> for a close. Made comparable: the queue id after <c>queued as</c> is <c>ID</c>;
/// nothing else is changed.</param>
/// <param name="Seconds">How long it took, in whole seconds: delays are made of whole seconds, and rounding keeps a loaded machine
/// from making differences.</param>
public sealed partial record TranscriptEntry(string Client, string Text, int Seconds)
{
    /// <summary>Makes an entry from what came.</summary>
    public static TranscriptEntry From(string client, string text, TimeSpan delay) =>
        new(client, QueuedAs().Replace(text, "queued as ID"), (int)Math.Round(delay.TotalSeconds, MidpointRounding.AwayFromZero));

    /// <inheritdoc/>
    public override string ToString() => $"{Client} {(Seconds == 0 ? "    " : $"+{Seconds} s")} {Text}";

    [GeneratedRegex("queued as [0-9A-Za-z]+")]
    private static partial Regex QueuedAs();
}
