using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>Postfix <c>smtpd_client_connection_count_limit</c>: connections a client has open at the same time.</summary>
internal sealed class ConnectionCountLimit : ILimitPolicy
{
    /// <inheritdoc />
    public string Subject => "Connection concurrency";

    /// <inheritdoc />
    public int? Judge(in AnvilCounts counts, SmtpdLimitOptions limits) =>
        limits.ClientConnectionCountLimit is > 0 and var limit && counts.ConnectionCount > limit ? counts.ConnectionCount : null;

    /// <inheritdoc />
    public Reply Refusal(string myHostname, string address) => Replies.TooManyConnections(myHostname, address);
}
