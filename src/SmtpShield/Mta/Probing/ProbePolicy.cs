using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta.Probing;

/// <summary>Judges what a round of YARP's active health checks has brought: the news of probes that have come to their end since the last one.</summary>
/// <param name="pool">Knows the destinations; asked for when the first round is over, because YARP makes this before it.</param>
/// <param name="mishaps">Where a bug is told.</param>
internal sealed class ProbePolicy(Lazy<UpstreamPool> pool, ProbeMishaps mishaps) : IActiveHealthCheckPolicy
{
    /// <summary>What the clusters call it.</summary>
    public const string PolicyName = "smtp";

    /// <inheritdoc />
    public string Name => PolicyName;

    /// <inheritdoc />
    public void ProbingCompleted(ClusterState cluster, IReadOnlyList<DestinationProbingResult> probingResults)
    {
        foreach (var result in probingResults)
        {
            if (result.Response is not ProbeResponse { Outcome: { } outcome })
                continue;

            // What is thrown here would cost the others of the round their news.
            try
            {
                pool.Value.Note(cluster, result.Destination, outcome, isProbe: true);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                mishaps.Note(cluster.ClusterId, result.Destination.DestinationId, exception);
            }
        }
    }
}
