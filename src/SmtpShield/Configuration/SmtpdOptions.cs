namespace SmtpShield.Configuration;

/// <summary>How a session is held: its names, sizes and waits. A session keeps the values it started with.</summary>
public sealed record SmtpdOptions
{
    /// <summary>The name the shield gives itself in its own 421 replies and in <c>maillog_file</c> lines.</summary>
    /// <value>A fully qualified host name; this host's own by default.</value>
    /// <remarks>Postfix <c>myhostname</c>, postconf(5).</remarks>
    [ConfigurationKeyName("myhostname")]
    public string MyHostname { get; init; } = "localhost.localdomain";

    /// <summary>How long a session may wait for the client to send something, or for it to take something.</summary>
    /// <value>At least 1 second; 300 seconds by default, 10 under stress.</value>
    /// <remarks>Postfix <c>smtpd_timeout</c>, postconf(5). Exceeding it: reply 421 4.4.2.</remarks>
    [ConfigurationKeyName("smtpd_timeout"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>The longest command line, its line end not included.</summary>
    /// <value>Octets; 2048 by default. SASL responses may have 12288.</value>
    /// <remarks>Postfix <c>line_length_limit</c>, postconf(5). Exceeding it: reply 500 5.5.2, the command is not executed.</remarks>
    [ConfigurationKeyName("line_length_limit"), Range(512, 32768)]
    public int LineLengthLimit { get; init; } = 2048;

    /// <summary>EHLO keywords of the MTA that are passed to clients although the shield does not know them.</summary>
    /// <value>Words; empty by default.</value>
    [ConfigurationKeyName("shield_pass_ehlo_keywords")]
    public IReadOnlyList<string> PassEhloKeywords { get; init; } = [];
}
