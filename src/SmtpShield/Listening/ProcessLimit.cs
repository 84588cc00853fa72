using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>
/// Counts the sessions of a service and knows whether there is room for another one. The listeners ask it before they accept. It refuses nobody:
/// who finds no room waits in the kernel's listen queue.
/// </summary>
/// <remarks>
/// Postfix <c>default_process_limit</c> and master's warning (<c>master_avail.c</c>), judged against the newest options. Unlike Postfix the warning, and with
/// it stress, also comes for a limit of 1 and for listeners on loopback addresses: Postfix leaves those out because they serve its own filters, here they are
/// somebody's front door or a test.
/// </remarks>
internal sealed partial class ProcessLimit : IStressSource, IDisposable
{
    // Stress ends below this part of the limit, in percent (postscreen's hysteresis, postscreen.c): a service that stands at its limit must not waver.
    private const int StressEndsAt = 70;

    private const int ShareAtATime = 16;

    // Postfix master.h: at most one warning in 1000 s; the next one is due when more than that has passed (master_avail.c).
    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(1000) + TimeSpan.FromTicks(1);

    private readonly ShieldService _service;
    private readonly SessionCapacity _capacity;
    private readonly ILogger _logger;
    private readonly IDisposable _onChange;
    private readonly Places _places;
    private readonly AtMostOnce _warning;
    private readonly Lock _gate = new();
    private bool _isUnderStress;

    /// <summary>Follows the limit through reloads.</summary>
    public ProcessLimit(ShieldService service, SessionCapacity capacity, TimeProvider time, ILogger<ProcessLimit> logger)
    {
        _service = service;
        _capacity = capacity;
        _warning = new(time, WarningInterval);
        _logger = logger;
        _places = new(() => Limit);
        _onChange = ChangeToken.OnChange(service.GetChangeToken, () =>
        {
            _places.BoundChanged();
            EndStress();
        });
    }

    /// <summary>Sessions that have a slot now.</summary>
    public int Sessions => _places.Taken;

    /// <summary>Whether sessions have reached the limit and have not gone down to 70 % of it since: time for the stress values.</summary>
    public bool IsUnderStress => Volatile.Read(ref _isUnderStress);

    private int Limit => _capacity.LimitOf(_service.Name);

    /// <summary>Completes when a listener may accept: there is room, and nobody who is already accepted waits for it.</summary>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public Task WaitForRoomAsync(CancellationToken cancellationToken) => _places.WaitForRoomAsync(cancellationToken);

    /// <summary>Takes a slot for an accepted connection; when another listener took the last one first, waits for the next.</summary>
    /// <param name="listener">Where the connection was accepted; named in the warning.</param>
    /// <param name="cancellationToken">Gives the connection up.</param>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public async ValueTask<ProcessSlot> TakeAsync(EndPoint listener, CancellationToken cancellationToken)
    {
        var sessions = await _places.TakeAsync(cancellationToken);
        if (Limit is var limit && sessions >= limit)
            BeginStress(listener, limit);
        return new ProcessSlot(this);
    }

    /// <summary>
    /// Asks some of those who have a slot, and are silent, to leave it to others (<see cref="IOpenSessions.MakeRoom"/>): few at a time, so that no more go than
    /// others wait.
    /// </summary>
    public void MakeRoom(IOpenSessions sessions) => sessions.MakeRoom(_service.Name, Math.Max(1, Limit / ShareAtATime));

    /// <summary>Gives a slot back; <see cref="ProcessSlot"/> sees to it that this happens once.</summary>
    internal void Return()
    {
        _places.Return();
        if (IsUnderStress)
            EndStress();
    }

    /// <inheritdoc/>
    public void Dispose() => _onChange.Dispose();

    private void BeginStress(EndPoint listener, int limit)
    {
        bool warn;
        bool isNew;
        lock (_gate)
        {
            warn = _warning.IsDue();
            isNew = !_isUnderStress;
            Volatile.Write(ref _isUnderStress, true);
        }

        if (warn)
        {
            Log.LimitReached(_logger, _service.Name, Describe(listener), limit);
            Log.HowToAvoid(_logger);
            Log.WhereToRead(_logger);
        }

        if (isNew)
            Log.StressBegins(_logger, limit);
    }

    private void EndStress()
    {
        int sessions;
        lock (_gate)
        {
            sessions = Sessions;
            if (!_isUnderStress || sessions * 100L > Limit * (long)StressEndsAt)
                return;
            Volatile.Write(ref _isUnderStress, false);
        }

        Log.StressEnds(_logger, sessions);
    }

    // master's canonical endpoint: the port alone when it listens everywhere.
    private static string Describe(EndPoint listener) => listener switch
    {
        IPEndPoint ip when ip.Address.Equals(IPAddress.Any) || ip.Address.Equals(IPAddress.IPv6Any) => $"{ip.Port}",
        IPEndPoint ip => $"[{ip.Address}]:{ip.Port}",
        _ => $"{listener}",
    };

    private static partial class Log
    {
        [LoggerMessage(1000, LogLevel.Warning,
            "service \"{Service}\" ({Endpoint}) has reached its process limit \"{Limit}\": new clients may experience noticeable delays")]
        public static partial void LimitReached(ILogger logger, string service, string endpoint, int limit);

        [LoggerMessage(1001, LogLevel.Warning, "to avoid this condition, increase default_process_limit or reduce the service time per client")]
        public static partial void HowToAvoid(ILogger logger);

        [LoggerMessage(1002, LogLevel.Warning, "see https://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings")]
        public static partial void WhereToRead(ILogger logger);

        [LoggerMessage(1005, LogLevel.Information, "entering STRESS mode with {Sessions} connections", EventName = "StressBegins")]
        public static partial void StressBegins(ILogger logger, int sessions);

        [LoggerMessage(1006, LogLevel.Information, "leaving STRESS mode with {Sessions} connections", EventName = "StressEnds")]
        public static partial void StressEnds(ILogger logger, int sessions);
    }
}
