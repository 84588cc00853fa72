using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>
/// Judges a client's counts at connect, and what can be spent in sessions there too. Policies compare; counting is <see cref="AnvilTable"/>'s part, answering the
/// stage's.
/// </summary>
internal interface ILimitPolicy
{
    /// <summary>What the limit is on, in the words of Postfix's log line: <c>Connection rate</c> in <c>Connection rate limit exceeded: 6 from …</c>.</summary>
    string Subject { get; }

    /// <summary>Compares the counts with the limit; a limit of 0 is off, and a count at the limit is within it (smtpd.c).</summary>
    /// <returns>The number to report when the limit is exceeded, else null.</returns>
    int? Judge(in AnvilCounts counts, SmtpdLimitOptions limits);

    /// <summary>What a client over the limit gets in place of the greeting, or of the next reply.</summary>
    /// <param name="myHostname">The shield's name.</param>
    /// <param name="address">The client's address.</param>
    Reply Refusal(string myHostname, string address);
}
