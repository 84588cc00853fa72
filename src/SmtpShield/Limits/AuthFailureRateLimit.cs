using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary><c>shield_client_auth_failure_rate_limit</c>: logins of a client the MTA refuses per <c>anvil_rate_time_unit</c>, over all its sessions.</summary>
internal sealed class AuthFailureRateLimit : ILimitPolicy
{
    /// <inheritdoc />
    public string Subject => "Authentication failure rate";

    /// <inheritdoc />
    public int? Judge(in AnvilCounts counts, SmtpdLimitOptions limits) =>
        limits.ClientAuthFailureRateLimit is > 0 and var limit && counts.AuthFailures > limit ? counts.AuthFailures : null;

    /// <inheritdoc />
    public Reply Refusal(string myHostname, string address) => Replies.TooManyAuthenticationFailures(myHostname, address);
}
