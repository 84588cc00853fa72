namespace SmtpShield.Protocol;

/// <summary>Every reply the shield gives itself, in Postfix's words where Postfix has them; those to a client over a limit are in the limits' table.</summary>
internal static class Replies
{
    /// <summary>A line with a lone CR or NUL in it, refused before any MTA could read it differently.</summary>
    public static Reply BadSyntax { get; } = Reply.Of("500 5.5.2 Error: bad syntax");

    /// <summary>A verb whose dialogue the shield can't follow.</summary>
    public static Reply NotRecognized { get; } = Reply.Of("500 5.5.2 Error: command not recognized");

    /// <summary>A verb that would change what replies or roles mean, or STARTTLS where <c>smtpd_discard_ehlo_keywords</c> has it.</summary>
    public static Reply NotImplemented { get; } = Reply.Of("502 5.5.1 Error: command not implemented");

    /// <summary>XCLIENT and XFORWARD, in Postfix's words for those who may not use them.</summary>
    public static Reply InsufficientAuthorization { get; } = Reply.Of("550 5.7.0 Error: insufficient authorization");

    /// <summary>
    /// BDAT to an MTA that has not offered CHUNKING, or whose CHUNKING the shield has not passed on; the session ends, as Postfix's does
    /// when CHUNKING is switched off.
    /// </summary>
    public static Reply BdatNotOffered { get; } = Reply.Of("521 5.5.1 Error: command not implemented");

    /// <summary>A BDAT whose size two parsers could read differently; the session ends, because what follows is unknown.</summary>
    public static Reply BdatSyntax { get; } = Reply.Of("521 5.5.4 Syntax: BDAT count [LAST]");

    /// <summary>AUTH where <c>smtpd_discard_ehlo_keywords</c> has it, or before TLS with <c>smtpd_tls_auth_only</c>.</summary>
    public static Reply AuthenticationNotEnabled { get; } = Reply.Of("503 5.5.1 Error: authentication not enabled");

    /// <summary>A DSN parameter (RFC 3461) where <c>smtpd_discard_ehlo_keywords</c> has DSN.</summary>
    public static Reply DsnDisabled { get; } = Reply.Of("501 5.7.1 DSN support is disabled");

    /// <summary>A MAIL with PRDR: it changes how many replies follow the message.</summary>
    public static Reply UnsupportedPrdr { get; } = Reply.Of("555 5.5.4 Unsupported option: PRDR");

    /// <summary>MAIL or AUTH before HELO, with <c>smtpd_helo_required</c>.</summary>
    public static Reply HeloFirst { get; } = Reply.Of("503 5.5.1 Error: send HELO/EHLO first");

    /// <summary>ETRN before HELO, with <c>smtpd_helo_required</c>; Postfix gives it no enhanced code.</summary>
    public static Reply HeloFirstForEtrn { get; } = Reply.Of("503 Error: send HELO/EHLO first");

    /// <summary>A line that is not UTF-8, in place of an MTA that offers SMTPUTF8.</summary>
    public static Reply BadUtf8Syntax { get; } = Reply.Of("500 5.5.2 Error: bad UTF-8 syntax");

    /// <summary>NOOP or RSET, in the MTA's place.</summary>
    public static Reply Ok { get; } = Reply.Of("250 2.0.0 Ok");

    /// <summary>RSET with something behind it, in the MTA's place.</summary>
    public static Reply RsetSyntax { get; } = Reply.Of("501 5.5.4 Syntax: RSET");

    /// <summary>EHLO without a name, in the MTA's place; Postfix gives it no enhanced code.</summary>
    public static Reply EhloSyntax { get; } = Reply.Of("501 Syntax: EHLO hostname");

    /// <summary>HELO without a name, in the MTA's place; Postfix gives it no enhanced code.</summary>
    public static Reply HeloSyntax { get; } = Reply.Of("501 Syntax: HELO hostname");

    /// <summary>VRFY in place of an MTA that does not offer it.</summary>
    public static Reply VrfyDisabled { get; } = Reply.Of("502 5.5.1 VRFY command is disabled");

    /// <summary>DATA or BDAT in place of an MTA that has accepted MAIL and no recipient.</summary>
    public static Reply NoValidRecipients { get; } = Reply.Of("554 5.5.1 Error: no valid recipients");

    /// <summary>RCPT behind a MAIL the shield has refused, or in the MTA's place without MAIL.</summary>
    public static Reply NeedMail { get; } = Reply.Of("503 5.5.1 Error: need MAIL command");

    /// <summary>DATA or BDAT behind a MAIL the shield has refused, or in the MTA's place without MAIL.</summary>
    public static Reply NeedRecipient { get; } = Reply.Of("503 5.5.1 Error: need RCPT command");

    /// <summary><c>smtpd_recipient_limit</c> reached.</summary>
    public static Reply TooManyRecipients { get; } = Reply.Of("452 4.5.3 Error: too many recipients");

    /// <summary>A first word of <c>smtpd_forbidden_commands</c>; the session ends.</summary>
    public static Reply NotSmtp { get; } = Reply.Of("221 2.7.0 Error: I can break rules, too. Goodbye.");

    /// <summary>A TLS handshake, telnet options or an SSH banner where the first command should be; the session ends.</summary>
    public static Reply SmtpExpected { get; } = Reply.Of("554 5.5.1 Error: SMTP protocol expected");

    /// <summary>A SASL response above <see cref="ProtocolLimits.SaslLine"/>.</summary>
    public static Reply SaslResponseTooLong { get; } = Reply.Of("500 5.5.6 Error: authentication exchange line is too long");

    /// <summary>
    /// Commands sent before they may be (<c>smtpd_forbid_unauth_pipelining</c>), or plaintext behind STARTTLS (CVE-2011-0411); the session ends.
    /// </summary>
    public static Reply SynchronizationError { get; } = Reply.Of("554 5.5.0 Error: SMTP protocol synchronization");

    /// <summary>STARTTLS accepted: the client begins the handshake.</summary>
    public static Reply ReadyToStartTls { get; } = Reply.Of("220 2.0.0 Ready to start TLS");

    /// <summary>STARTTLS with something behind it.</summary>
    public static Reply StartTlsSyntax { get; } = Reply.Of("501 5.5.4 Syntax: STARTTLS");

    /// <summary>STARTTLS inside TLS.</summary>
    public static Reply TlsActive { get; } = Reply.Of("554 5.5.1 Error: TLS already active");

    /// <summary>STARTTLS above <c>shield_tls_handshake_limit</c>.</summary>
    public static Reply TlsNotAvailable { get; } = Reply.Of("454 4.7.0 TLS not available due to local problem");

    /// <summary>A command that needs TLS, with <c>smtpd_tls_security_level = encrypt</c>.</summary>
    public static Reply MustStartTls { get; } = Reply.Of("530 5.7.0 Must issue a STARTTLS command first");

    /// <summary>AUTH with a mechanism that would make the rest of the session unreadable to the shield, or that can't work behind it.</summary>
    public static Reply MechanismNotSupported { get; } = Reply.Of("504 5.5.4 Error: authentication mechanism not supported");

    /// <summary>The MTA closed on QUIT without a word, or there is no session with it.</summary>
    public static Reply Bye { get; } = Reply.Of("221 2.0.0 Bye");

    /// <summary>AUTH that waited for a session with the MTA for <c>shield_upstream_queue_time</c> (RFC 4954 section 6).</summary>
    public static Reply TemporaryAuthenticationFailure { get; } = Reply.Of("454 4.7.0 Temporary authentication failure");

    /// <summary>A command line above <c>line_length_limit</c>.</summary>
    public static Reply CommandTooLong(string myHostname) => Reply.Of($"500 5.5.2 {myHostname} Error: command too long");

    /// <summary>No PROXY header where one is required, or a wrong one (<c>smtpd_upstream_proxy_protocol</c>).</summary>
    public static Reply ServerLocalError(string myHostname) => Reply.Of($"421 4.3.0 {myHostname} Server local error");

    /// <summary>STARTTLS above <c>smtpd_client_new_tls_session_rate_limit</c>.</summary>
    public static Reply TooManyTlsSessions(string nameAddress) => Reply.Of($"454 4.7.0 Error: too many new TLS sessions from {nameAddress}");

    /// <summary>Any command but QUIT behind an MTA's greeting that refuses the session (RFC 5321 section 3.1).</summary>
    public static Reply AccessDenied(string nameAddress) => Reply.Of($"503 5.7.0 Error: access denied for {nameAddress}");

    /// <summary>More BDAT commands in a message than any client sends.</summary>
    public static Reply TooManyChunks(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: too many BDAT commands");

    /// <summary>More input behind refused commands, or in lines that are too long, than is read and dropped; the session ends.</summary>
    public static Reply TooMuchRefusedInput(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: too much refused input");

    /// <summary>A command line that ends in a lone LF, with <c>smtpd_forbid_bare_newline = reject</c>; the session ends.</summary>
    public static Reply BareLfInCommand(string myHostname) => Reply.Of($"550 5.5.2 {myHostname} Error: bare <LF> received");

    /// <summary><c>smtpd_hard_error_limit</c> reached.</summary>
    public static Reply TooManyErrors(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: too many errors");

    /// <summary>An operator has banned the client.</summary>
    public static Reply Banned(string myHostname, string address) => Reply.Of($"421 4.7.0 {myHostname} Error: access denied to {address}");

    /// <summary>The client is banned for input before its time; as <see cref="SynchronizationError"/>.</summary>
    public static Reply BannedForPipelining(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: SMTP protocol synchronization");

    /// <summary>The client is banned for what is not SMTP; as <see cref="NotSmtp"/>.</summary>
    public static Reply BannedForNotSmtp(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: I can break rules, too");

    /// <summary><c>smtpd_timeout</c> exceeded.</summary>
    public static Reply TimeoutExceeded(string myHostname) => Reply.Of($"421 4.4.2 {myHostname} Error: timeout exceeded");

    /// <summary>The MTA could not be reached, broke off, or said something that is no reply.</summary>
    public static Reply UpstreamUnavailable(string myHostname) => Reply.Of($"421 4.3.0 {myHostname} Error: mail server unavailable");

    /// <summary>The MTA accepted the connection and stayed silent: all its server processes are busy.</summary>
    public static Reply UpstreamBusy(string myHostname) => Reply.Of($"421 4.3.2 {myHostname} Error: mail server busy");

    /// <summary>A command that waited for a session with the MTA for <c>shield_upstream_queue_time</c>; the session goes on.</summary>
    public static Reply ServerBusy(string myHostname) => Reply.Of($"451 4.3.2 {myHostname} Error: mail server busy");

    /// <summary>The shield shuts down, or memory is short and the session makes room.</summary>
    public static Reply ServiceNotAvailable(string myHostname) => Reply.Of($"421 4.3.2 {myHostname} Service not available, closing transmission channel");

    /// <summary>A message with an ambiguous end of mail data or, with <c>smtpd_forbid_bare_newline = reject</c>, with any lone CR or LF.</summary>
    public static Reply AmbiguousEndOfData(string myHostname) => Reply.Of($"521 5.5.2 {myHostname} Error: bare <LF> received");
}
