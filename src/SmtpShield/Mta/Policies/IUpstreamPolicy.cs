using SmtpShield.Clients;

namespace SmtpShield.Mta.Policies;

/// <summary>Chooses one of several destinations: <c>shield_upstream_policy</c>. It only sees those that may have a new session; two at least.</summary>
internal interface IUpstreamPolicy
{
    /// <summary>Chooses. Safe for use by several threads.</summary>
    /// <param name="candidates">Those it may choose.</param>
    /// <param name="client">For whom.</param>
    /// <returns>The index of the choice.</returns>
    int Pick(ReadOnlySpan<Candidate> candidates, in ClientRange client);
}
