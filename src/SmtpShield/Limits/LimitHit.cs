using SmtpShield.Clients;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>A client is over a limit.</summary>
/// <param name="Limit">Which.</param>
/// <param name="Count">The number above it, for the log line.</param>
internal readonly record struct LimitHit(ClientLimit Limit, int Count)
{
    /// <inheritdoc cref="ClientLimit.ReplyTo"/>
    public Reply ReplyTo(string myHostname, ClientIdentity client) => Limit.ReplyTo(myHostname, client);
}
