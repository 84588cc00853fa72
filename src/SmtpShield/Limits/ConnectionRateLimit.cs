using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>Postfix <c>smtpd_client_connection_rate_limit</c>: connections a client makes per <c>anvil_rate_time_unit</c>.</summary>
internal sealed class ConnectionRateLimit : ILimitPolicy
{
    /// <inheritdoc />
    public string Subject => "Connection rate";

    /// <inheritdoc />
    public int? Judge(in AnvilCounts counts, SmtpdLimitOptions limits) =>
        limits.ClientConnectionRateLimit is > 0 and var limit && counts.ConnectionRate > limit ? counts.ConnectionRate : null;

    /// <inheritdoc />
    public Reply Refusal(string myHostname, string address) => Replies.TooManyConnections(myHostname, address);
}
