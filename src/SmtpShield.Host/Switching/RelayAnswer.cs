namespace SmtpShield.Host.Switching;

/// <summary>What a server said to a client that wanted it to relay.</summary>
/// <param name="Greeting">The last line of the greeting; empty when none came.</param>
/// <param name="Reply">The last line of the reply that decided: to RCPT, or an earlier refusal; empty when none came.</param>
/// <param name="Failure">Why there is none; else empty.</param>
internal sealed record RelayAnswer(string Greeting, string Reply, string Failure)
{
    /// <summary>Whether it was greeted.</summary>
    public bool IsGreeted => Greeting.StartsWith("220", StringComparison.Ordinal);

    /// <summary>Whether the recipient elsewhere was taken.</summary>
    public bool IsRelayed => Reply.StartsWith('2');

    /// <summary>Whether it was said that this is not relayed, at the latest for the recipient.</summary>
    public bool IsRefused => Reply.Length > 0 && Reply[0] is '4' or '5';
}
