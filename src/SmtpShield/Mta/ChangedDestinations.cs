using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>A service's destinations are others now: who waits for one that is gone waits for those that are there.</summary>
/// <param name="pool">Whose queue it is; YARP makes this before the pool, which needs YARP.</param>
internal sealed class ChangedDestinations(Lazy<UpstreamPool> pool) : IClusterChangeListener
{
    /// <inheritdoc />
    public void OnClusterAdded(ClusterState cluster)
    {
        // Nobody waits yet.
    }

    /// <inheritdoc />
    public void OnClusterChanged(ClusterState cluster) => pool.Value.Queue.Reconsider(cluster);

    /// <inheritdoc />
    public void OnClusterRemoved(ClusterState cluster)
    {
        // The services there are at the start stay.
    }
}
