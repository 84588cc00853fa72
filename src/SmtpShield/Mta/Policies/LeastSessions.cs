using SmtpShield.Clients;

namespace SmtpShield.Mta.Policies;

/// <summary>The one with the fewest sessions for its weight; of several, each in its turn.</summary>
internal sealed class LeastSessions : IUpstreamPolicy
{
    private uint _turn;

    /// <inheritdoc />
    public int Pick(ReadOnlySpan<Candidate> candidates, in ClientRange client)
    {
        // Where it begins to look decides between equals.
        var first = (int)(Interlocked.Increment(ref _turn) % (uint)candidates.Length);
        var best = first;
        for (var i = 1; i < candidates.Length; i++)
        {
            var next = (first + i) % candidates.Length;
            if ((long)candidates[next].Sessions * candidates[best].Weight < (long)candidates[best].Sessions * candidates[next].Weight)
                best = next;
        }

        return best;
    }
}
