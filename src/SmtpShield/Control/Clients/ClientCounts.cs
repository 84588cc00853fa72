using System.Globalization;
using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

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
    /// <summary>What it did, in words, without what it did not do: <c>203 connections, 12 messages</c>; <c>nothing</c>.</summary>
    public string Describe()
    {
        (int Count, string One, string Many)[] all =
        [
            (Connections, "connection", "connections"), (Messages, "message", "messages"), (Recipients, "recipient", "recipients"),
            (TlsSessions, "TLS session", "TLS sessions"), (Auths, "AUTH", "AUTH"), (Errors, "error", "errors"), (AuthFailures, "failed login", "failed logins"),
        ];
        var some = string.Join(", ", all.Where(static one => one.Count > 0)
            .Select(static one => string.Create(CultureInfo.InvariantCulture, $"{one.Count} {(one.Count == 1 ? one.One : one.Many)}")));
        return some.Length > 0 ? some : "nothing";
    }

    /// <summary>As the table has them.</summary>
    public static ClientCounts Of(in AnvilCounts counts) => new(
        counts.ConnectionCount, counts.ConnectionRate, counts.Of(AnvilEvent.Message), counts.Of(AnvilEvent.Recipient), counts.Of(AnvilEvent.NewTlsSession),
        counts.Of(AnvilEvent.Auth), counts.Of(AnvilEvent.Error), counts.Of(AnvilEvent.AuthFailure));
}
