using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary><c>shield_client_error_rate_limit</c>: commands of a client the MTA refuses per <c>anvil_rate_time_unit</c>, over all its sessions.</summary>
internal sealed class ErrorRateLimit : ILimitPolicy
{
    /// <inheritdoc />
    public string Subject => "Error rate";

    /// <inheritdoc />
    public int? Judge(in AnvilCounts counts, SmtpdLimitOptions limits) =>
        limits.ClientErrorRateLimit is > 0 and var limit && counts.Errors > limit ? counts.Errors : null;

    /// <inheritdoc />
    public Reply Refusal(string myHostname, string address) => Replies.TooManyErrorsFrom(myHostname, address);
}
