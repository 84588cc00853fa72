using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace SmtpShield.Metrics;

/// <summary>
/// All that is counted, and the program's one meter. A configured name is a label's value; of more than <see cref="MostNames"/> services, or MTAs, the rest
/// shares one.
/// </summary>
internal sealed class ShieldMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "SmtpShield";

    /// <summary>Services, and MTAs, that have series of their own.</summary>
    public const int MostNames = 32;

    /// <summary>The label of all others.</summary>
    public const string Other = "other";

    /// <summary>The label of requests that come in on the control socket.</summary>
    public const int Control = 0;

    /// <summary>The label of requests that come in on <c>shield_metrics_listen</c>.</summary>
    public const int Metrics = 1;

    /// <summary>The label of requests that come in on <c>shield_admin_listen</c>.</summary>
    public const int Admin = 2;

    private static readonly string[] _listeners = ["control", "metrics", "admin"];
    private static readonly string[] _classes = ["2xx", "4xx", "5xx"];

    private readonly ConcurrentDictionary<string, ServiceMetrics> _services = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DestinationMetrics> _destinations = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lock _gate = new();
    private readonly CounterCells _requests =
        new(MetricCatalog.ControlRequests, _listeners.SelectMany(static listener => _classes.Select(of => (string[])[listener, of])));
    private readonly Histogram<double> _durations;
    private readonly Histogram<double> _sizes;
    private readonly Histogram<double> _replies;

    /// <summary>Nothing has happened yet.</summary>
    public ShieldMetrics()
    {
        _durations = Live(MetricCatalog.SessionDuration);
        _sizes = Live(MetricCatalog.MessageSize);
        _replies = Live(MetricCatalog.UpstreamReplyDuration);
    }

    /// <summary>The meter: its histograms are told of each value, all else is read when somebody collects.</summary>
    public Meter Meter { get; } = new(MeterName);

    /// <summary>A service's.</summary>
    public ServiceMetrics OfService(string name) => Of(_services, name, label => new(label, _durations, _sizes));

    /// <summary>An MTA's.</summary>
    /// <param name="name">As configured, <c>host:port</c>.</param>
    public DestinationMetrics OfDestination(string name) => Of(_destinations, name, label => new(label, _replies));

    /// <summary>Those of all MTAs there are series of.</summary>
    public IEnumerable<DestinationMetrics> Destinations => _destinations.Values;

    /// <summary>A request over HTTP is answered.</summary>
    /// <param name="listener">Where it came in: <see cref="Control"/>, <see cref="Metrics"/> or <see cref="Admin"/>.</param>
    /// <param name="status">With which status code.</param>
    public void NoteRequest(int listener, int status) => _requests.Add(listener * _classes.Length + (status < 400 ? 0 : status < 500 ? 1 : 2));

    /// <summary>Says all of it.</summary>
    public void Collect(MetricSamples samples)
    {
        foreach (var service in _services.Values.OrderBy(static service => service.Label, StringComparer.Ordinal))
            service.Collect(samples);
        foreach (var destination in _destinations.Values.OrderBy(static destination => destination.Label, StringComparer.Ordinal))
            destination.Collect(samples);
        _requests.Collect(samples);
    }

    /// <inheritdoc />
    public void Dispose() => Meter.Dispose();

    private Histogram<double> Live(MetricDefinition metric) => Meter.CreateHistogram(
        metric.DottedName, metric.UnitCode, metric.Help, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = metric.Bounds });

    private T Of<T>(ConcurrentDictionary<string, T> all, string name, Func<string, T> make)
    {
        if (all.TryGetValue(name, out var known))
            return known;

        lock (_gate)
        {
            // One place is the others'.
            var label = all.ContainsKey(name) || all.Count < MostNames ? name : Other;
            return all.GetOrAdd(label, make);
        }
    }
}
