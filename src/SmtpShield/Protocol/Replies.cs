namespace SmtpShield.Protocol;

/// <summary>Every reply the shield gives itself, in Postfix's words where Postfix has them.</summary>
internal static class Replies
{
    /// <summary>A line with a lone CR or NUL in it, refused before any MTA could read it differently.</summary>
    public static Reply BadSyntax { get; } = Reply.Of("500 5.5.2 Error: bad syntax");

    /// <summary>A verb whose dialogue the shield can't follow.</summary>
    public static Reply NotRecognized { get; } = Reply.Of("500 5.5.1 Error: command not recognized");

    /// <summary>A verb that would change what replies or roles mean.</summary>
    public static Reply NotImplemented { get; } = Reply.Of("502 5.5.1 Error: command not implemented");

    /// <summary>XCLIENT and XFORWARD, in Postfix's words for those who may not use them.</summary>
    public static Reply InsufficientAuthorization { get; } = Reply.Of("550 5.7.0 Error: insufficient authorization");

    /// <summary>BDAT to an MTA that has not offered CHUNKING; the session ends, as Postfix's does when CHUNKING is switched off.</summary>
    public static Reply BdatNotOffered { get; } = Reply.Of("521 5.5.1 Error: command not implemented");

    /// <summary>A BDAT whose size two parsers could read differently; the session ends, because what follows is unknown.</summary>
    public static Reply BdatSyntax { get; } = Reply.Of("521 5.5.4 Syntax: BDAT count [LAST]");

    /// <summary>A SASL response above <see cref="ProtocolLimits.SaslLine"/>.</summary>
    public static Reply SaslResponseTooLong { get; } = Reply.Of("500 5.5.6 Error: authentication exchange line is too long");

    /// <summary>Plaintext behind STARTTLS (CVE-2011-0411).</summary>
    public static Reply SynchronizationError { get; } = Reply.Of("554 5.5.0 Error: SMTP protocol synchronization");

    /// <summary>The MTA closed on QUIT without a word.</summary>
    public static Reply Bye { get; } = Reply.Of("221 2.0.0 Bye");

    /// <summary>A command line above <c>line_length_limit</c>.</summary>
    public static Reply CommandTooLong(string myHostname) => Reply.Of($"500 5.5.2 {myHostname} Error: command too long");

    /// <summary><c>smtpd_client_connection_count_limit</c> or <c>smtpd_client_connection_rate_limit</c> exceeded.</summary>
    public static Reply TooManyConnections(string myHostname, string address) => Reply.Of($"421 4.7.0 {myHostname} Error: too many connections from {address}");

    /// <summary><c>shield_client_error_rate_limit</c> exceeded.</summary>
    public static Reply TooManyErrorsFrom(string myHostname, string address) => Reply.Of($"421 4.7.0 {myHostname} Error: too many errors from {address}");

    /// <summary><c>shield_client_auth_failure_rate_limit</c> exceeded.</summary>
    public static Reply TooManyAuthenticationFailures(string myHostname, string address) =>
        Reply.Of($"421 4.7.0 {myHostname} Error: too many authentication failures from {address}");

    /// <summary><c>smtpd_hard_error_limit</c> reached.</summary>
    public static Reply TooManyErrors(string myHostname) => Reply.Of($"421 4.7.0 {myHostname} Error: too many errors");

    /// <summary><c>smtpd_timeout</c> exceeded.</summary>
    public static Reply TimeoutExceeded(string myHostname) => Reply.Of($"421 4.4.2 {myHostname} Error: timeout exceeded");

    /// <summary>The MTA could not be reached, broke off, or said something that is no reply.</summary>
    public static Reply UpstreamUnavailable(string myHostname) => Reply.Of($"421 4.3.0 {myHostname} Error: mail server unavailable");

    /// <summary>The MTA accepted the connection and stayed silent: all its server processes are busy.</summary>
    public static Reply UpstreamBusy(string myHostname) => Reply.Of($"421 4.3.2 {myHostname} Error: mail server busy");

    /// <summary>The shield shuts down.</summary>
    public static Reply ShuttingDown(string myHostname) => Reply.Of($"421 4.3.2 {myHostname} Service not available, closing transmission channel");

    /// <summary>A message with an ambiguous end of mail data.</summary>
    public static Reply AmbiguousEndOfData(string myHostname) => Reply.Of($"521 5.5.2 {myHostname} Error: bare <LF> received");
}
