using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>
/// How many sessions each service may hold: its <c>default_process_limit</c>, and where those of all services do not fit into the process together, each one's
/// share of what fits. So a service that is full still takes nothing from another one.
/// </summary>
internal sealed partial class SessionCapacity : IDisposable
{
    private readonly ShieldSnapshot _snapshot;
    private readonly ILogger _logger;
    private readonly IDisposable _onChange;
    private readonly Lock _gate = new();
    private volatile Shares _shares;

    /// <summary>Follows the limits through reloads, and says in the log which of them are lowered.</summary>
    /// <exception cref="SessionCapacityException">Not one session of each service fits.</exception>
    public SessionCapacity(ShieldSnapshot snapshot, ProcessResources resources, ILogger<SessionCapacity> logger)
    {
        _snapshot = snapshot;
        _logger = logger;
        var options = snapshot.Current;
        var services = ServicesOf(options);
        Bound = SessionBound.Of(resources, options, services.Sum(service => options.Of(service).Listener.Endpoints.Count));
        if (Bound.Sessions < services.Length)
            throw new SessionCapacityException(Bound, services.Length);

        _shares = Share(options);
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, () => LimitOf(""));
    }

    /// <summary>What fits into the process.</summary>
    public SessionBound Bound { get; }

    /// <summary>Sessions that a service may hold by the newest options, at least 1.</summary>
    public int LimitOf(string service)
    {
        var shares = _shares;
        if (!ReferenceEquals(shares.Options, _snapshot.Current))
        {
            lock (_gate)
            {
                var current = _snapshot.Current;
                if (!ReferenceEquals(_shares.Options, current))
                    _shares = Share(current);
                shares = _shares;
            }
        }

        return shares.Limits.GetValueOrDefault(service, 1);
    }

    /// <inheritdoc/>
    public void Dispose() => _onChange.Dispose();

    // Those that are no longer configured serve their clients until the restart.
    private static string[] ServicesOf(ShieldOptions options) => [.. options.Service.Names.Concat(options.Services.Keys).Distinct()];

    private Shares Share(ShieldOptions options)
    {
        var wanted = ServicesOf(options).ToDictionary(service => service, service => options.Of(service).Listener.DefaultProcessLimit, StringComparer.Ordinal);
        var sum = wanted.Values.Sum(limit => (long)limit);
        if (sum <= Bound.Sessions)
            return new(options, wanted);

        var limits = wanted.ToDictionary(service => service.Key, service => (int)Math.Max(1, service.Value * (long)Bound.Sessions / sum),
            StringComparer.Ordinal);
        foreach (var (service, limit) in limits)
            Log.LimitLowered(_logger, service, wanted[service], limit, Bound.Cause, Bound.Sessions, Bound.Needed((int)Math.Min(sum, int.MaxValue / 2)));
        return new(options, limits);
    }

    private sealed record Shares(ShieldOptions Options, Dictionary<string, int> Limits);

    private static partial class Log
    {
        [LoggerMessage(1050, LogLevel.Warning, "service {Service}: default_process_limit = {Configured} is lowered to {Limit}: {Cause} are enough for "
            + "{Sessions} sessions of all services together; raise the limit to {Needed}, or lower default_process_limit", EventName = "LimitLowered")]
        public static partial void LimitLowered(ILogger logger, string service, int configured, int limit, string cause, int sessions, string needed);
    }
}
