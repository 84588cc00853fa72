using System.Collections.Concurrent;
using SmtpShield.Mta.Health;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta.Probing;

/// <summary>
/// Answers YARP's health checks, and never waits: a round ends with its slowest destination, and one MTA that greets after half a minute would keep the news of
/// all others from everybody. It begins a probe where one is due, in the background, and answers with what earlier ones have shown.
/// </summary>
/// <param name="pool">Knows the destinations.</param>
/// <param name="prober">Probes them.</param>
/// <param name="mishaps">Where a bug is told.</param>
internal sealed class ProbeHandler(Lazy<UpstreamPool> pool, Lazy<Prober> prober, ProbeMishaps mishaps)
    : HttpMessageHandler, IForwarderHttpClientFactory
{
    // By what is asked about: the last outcome nobody has been told of.
    private readonly ConcurrentDictionary<DestinationState, ProbeOutcome> _news = new();

    /// <inheritdoc />
    public HttpMessageInvoker CreateClient(ForwarderHttpClientContext context) => context.OldClient ?? new(this, disposeHandler: false);

    /// <inheritdoc />
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var probe = request as ProbeRequest ?? throw new NotSupportedException("No HTTP is spoken.");
        ProbeOutcome? news = null;
        try
        {
            news = Look(probe);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            mishaps.Note(probe.Service, probe.Destination, exception);
        }

        return Task.FromResult<HttpResponseMessage>(new ProbeResponse(news));
    }

    private ProbeOutcome? Look(ProbeRequest probe)
    {
        var cluster = pool.Value.ClusterOf(probe.Service);
        // A reload may just have taken it out.
        if (cluster.DestinationsState.AllDestinations.FirstOrDefault(one => one.Model.Config.Address == probe.Address) is not { } destination)
            return null;

        pool.Value.DestinationOf(destination).Addresses?.RefreshIfOld();
        if (pool.Value.HealthOf(cluster, destination).TryBeginProbe(pool.Value.ProbeIntervalOf(cluster)))
            _ = ProbeAsync(cluster, destination);
        return _news.TryRemove(destination, out var outcome) ? outcome : null;
    }

    private async Task ProbeAsync(ClusterState cluster, DestinationState destination)
    {
        try
        {
            if (await prober.Value.ProbeHealthAsync(cluster, destination).ConfigureAwait(false) is { } outcome)
                _news[destination] = outcome;
        }
        catch (Exception exception)
        {
            mishaps.Note(cluster.ClusterId, destination.DestinationId, exception);
        }
        finally
        {
            pool.Value.HealthOf(cluster, destination).EndProbe();
        }
    }
}
