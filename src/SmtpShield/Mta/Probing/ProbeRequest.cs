using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta.Probing;

/// <summary>What YARP takes for a health check: which destination of which service is asked about.</summary>
/// <param name="service">The service.</param>
/// <param name="address">The destination's address in the cluster.</param>
internal sealed class ProbeRequest(string service, string address) : HttpRequestMessage(HttpMethod.Get, address)
{
    /// <summary>The service.</summary>
    public string Service => service;

    /// <summary>The destination's address in the cluster.</summary>
    public string Address { get; } = address;

    /// <summary>The destination as configured, <c>host:port</c>.</summary>
    public string Destination => Address[(Address.LastIndexOf('/') + 1)..];

    /// <summary>Makes them.</summary>
    internal sealed class Factory : IProbingRequestFactory
    {
        /// <inheritdoc />
        public HttpRequestMessage CreateRequest(ClusterModel cluster, DestinationModel destination) =>
            new ProbeRequest(cluster.Config.ClusterId, destination.Config.Address);
    }
}
