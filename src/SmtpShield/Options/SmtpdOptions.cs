using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Options;

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

    /// <summary>Whether <see cref="Timeout"/> is the time for a whole command with its reply instead of for each read.</summary>
    /// <value>No by default, yes under stress.</value>
    /// <remarks>Postfix <c>smtpd_per_request_deadline</c>, postconf(5), since 3.7. Exceeding it: reply 421 4.4.2.</remarks>
    [ConfigurationKeyName("smtpd_per_request_deadline")]
    public bool PerRequestDeadline { get; init; }

    /// <summary>How fast content must arrive: what the deadline of a message grows by for each octet.</summary>
    /// <value>Octets per second, at least 1; 500 by default.</value>
    /// <remarks>Postfix <c>smtpd_min_data_rate</c>, postconf(5), since 3.7.</remarks>
    [ConfigurationKeyName("smtpd_min_data_rate"), Range(1, int.MaxValue)]
    public int MinDataRate { get; init; } = 500;

    /// <summary>How long a command line may take from its first octet to its end.</summary>
    /// <value>At least 1 second; 60 seconds by default. Exceeding it: reply 421 4.4.2.</value>
    [ConfigurationKeyName("shield_request_deadline"), TimeUnit('s'), MinimumSeconds(1)]
    public TimeSpan RequestDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a session may last; a message whose content has begun then is finished and answered first.</summary>
    /// <value>0 (default) disables. Exceeding it: reply 421 4.4.2.</value>
    [ConfigurationKeyName("shield_session_time_limit"), TimeUnit('s'), MinimumSeconds(0)]
    public TimeSpan SessionTimeLimit { get; init; }

    /// <summary>Whether MAIL and AUTH are refused before HELO or EHLO.</summary>
    /// <value>No by default.</value>
    /// <remarks>Postfix <c>smtpd_helo_required</c>, postconf(5). Refusing: reply 503 5.5.1.</remarks>
    [ConfigurationKeyName("smtpd_helo_required")]
    public bool HeloRequired { get; init; }

    /// <summary>First words that end the session: other protocols, not SMTP.</summary>
    /// <value>Words and inline regular expressions; <c>CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}</c> by default. Header-like words (<c>Subject:</c>) and
    /// HTTP's other methods always count.</value>
    /// <remarks>Postfix <c>smtpd_forbidden_commands</c>, postconf(5). Reply 221 2.7.0.</remarks>
    [ConfigurationKeyName("smtpd_forbidden_commands")]
    public ForbiddenCommands ForbiddenCommands { get; init; } = ForbiddenCommands.None;

    /// <summary>EHLO keywords of the MTA that clients don't get to see.</summary>
    /// <value>Words in any case; empty by default. <c>silent-discard</c> suppresses the log line.</value>
    /// <remarks>Postfix <c>smtpd_discard_ehlo_keywords</c>, postconf(5).</remarks>
    [ConfigurationKeyName("smtpd_discard_ehlo_keywords")]
    public IReadOnlyList<string> DiscardEhloKeywords { get; init; } = [];

    /// <summary>Whether a client that sends commands before it may is disconnected.</summary>
    /// <value>Yes by default, as in Postfix from 3.9 on.</value>
    /// <remarks>Postfix <c>smtpd_forbid_unauth_pipelining</c>, postconf(5). Reply 554 5.5.0.</remarks>
    [ConfigurationKeyName("smtpd_forbid_unauth_pipelining")]
    public bool ForbidUnauthPipelining { get; init; } = true;

    /// <summary>What happens to line ends that are not CRLF.</summary>
    /// <value><c>guard</c> (default; <c>normalize</c>, <c>yes</c> and <c>note</c> mean the same here) or <c>reject</c>.</value>
    /// <remarks>Postfix <c>smtpd_forbid_bare_newline</c>, postconf(5). Reply 521 5.5.2.</remarks>
    [ConfigurationKeyName("smtpd_forbid_bare_newline")]
    public BareNewlinePolicy ForbidBareNewline { get; init; }

    /// <summary>Whether a command line may end in a lone LF.</summary>
    /// <value>Yes by default, as in Postfix. With no: reply 500 5.5.2.</value>
    [ConfigurationKeyName("shield_accept_lf_commands")]
    public bool AcceptLfCommands { get; init; } = true;

    /// <summary>Whether BDAT is passed on when the MTA offers CHUNKING.</summary>
    /// <value>Yes by default. With no, CHUNKING and BINARYMIME are not offered and BDAT gets 521 5.5.1.</value>
    [ConfigurationKeyName("shield_chunking")]
    public bool Chunking { get; init; } = true;

    /// <summary>The largest BDAT chunk.</summary>
    /// <value>Octets; 2147483647 by default. Exceeding it: reply 521 5.5.4.</value>
    [ConfigurationKeyName("shield_max_chunk"), Range(1, int.MaxValue)]
    public int MaxChunk { get; init; } = int.MaxValue;

    /// <summary>Whether the client's name is looked up, address to name and back.</summary>
    /// <value>No by default.</value>
    /// <remarks>Postfix <c>smtpd_peername_lookup</c>, postconf(5), where the default is yes.</remarks>
    [ConfigurationKeyName("smtpd_peername_lookup")]
    public bool PeernameLookup { get; init; }
}
