using SmtpShield.Clients;

namespace SmtpShield.Mta.Policies;

/// <summary>The one that is written first; the others are there for when it is not available.</summary>
internal sealed class First : IUpstreamPolicy
{
    /// <inheritdoc />
    public int Pick(ReadOnlySpan<Candidate> candidates, in ClientRange client)
    {
        var best = 0;
        for (var i = 1; i < candidates.Length; i++)
        {
            if (candidates[i].Order < candidates[best].Order)
                best = i;
        }

        return best;
    }
}
