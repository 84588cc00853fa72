using SmtpShield.Clients;

namespace SmtpShield.Mta.Policies;

/// <summary>
/// Each in its turn, as often as its weight says, and not one behind the other what can be mixed: nginx's smooth weighted round robin.
/// </summary>
internal sealed class RoundRobin : IUpstreamPolicy
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _due = new(StringComparer.OrdinalIgnoreCase);

    /// <inheritdoc />
    public int Pick(ReadOnlySpan<Candidate> candidates, in ClientRange client)
    {
        lock (_gate)
        {
            var (best, all) = (0, 0);
            for (var i = 0; i < candidates.Length; i++)
            {
                all += candidates[i].Weight;
                _due[candidates[i].Name] = _due.GetValueOrDefault(candidates[i].Name) + candidates[i].Weight;
                if (_due[candidates[i].Name] > _due[candidates[best].Name])
                    best = i;
            }

            _due[candidates[best].Name] -= all;
            return best;
        }
    }
}
