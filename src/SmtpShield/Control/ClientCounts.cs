using SmtpShield.Limits;

namespace SmtpShield.Control;

/// <summary>What is counted of a client at a service, in its window.</summary>
/// <param name="Open">Connections it has open.</param>
/// <param name="Connections">Connections it made.</param>
/// <param name="Messages">MAIL.</param>
/// <param name="Recipients">RCPT and VRFY.</param>
/// <param name="TlsSessions">New TLS sessions.</param>
/// <param name="Auths">AUTH.</param>
/// <param name="Errors">Commands the MTA refused.</param>
/// <param name="AuthFailures">Logins the MTA refused.</param>
internal sealed record ClientCounts(
    int Open, int Connections, int Messages, int Recipients, int TlsSessions, int Auths, int Errors, int AuthFailures)
{
    /// <summary>As the table has them.</summary>
    public static ClientCounts Of(in AnvilCounts counts) => new(
        counts.ConnectionCount, counts.ConnectionRate, counts.Of(AnvilEvent.Message), counts.Of(AnvilEvent.Recipient), counts.Of(AnvilEvent.NewTlsSession),
        counts.Of(AnvilEvent.Auth), counts.Of(AnvilEvent.Error), counts.Of(AnvilEvent.AuthFailure));
}
