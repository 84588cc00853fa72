using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using SmtpShield.Configuration;

namespace SmtpShield.Listening;

/// <summary>
/// Counts the sessions of a service and knows whether there is room for another one. The listeners ask it before they accept. It refuses nobody:
/// who finds no room waits in the kernel's listen queue.
/// </summary>
/// <remarks>
/// Postfix <c>default_process_limit</c> and master's warning (<c>master_avail.c</c>), judged against the newest options. Unlike Postfix the warning, and with it
/// stress, also comes for a limit of 1 and for listeners on loopback addresses: Postfix leaves those out because they serve its own filters, here they are somebody's front door
/// or a test.
/// </remarks>
internal sealed partial class ProcessLimit : IDisposable
{
    // Stress ends below this part of the limit, in percent (postscreen's hysteresis, postscreen.c): a service that stands at its limit must not waver.
    private const int StressEndsAt = 70;

    // Postfix master.h: at most one warning in this time.
    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(1000);

    private readonly ShieldService _service;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly IDisposable _onChange;
    private readonly Lock _gate = new();
    private TaskCompletionSource? _roomOrLimitChanged;
    private int _sessions;
    private int _held;
    private bool _isUnderStress;
    private long? _warnedAt;

    /// <summary>Follows the limit through reloads.</summary>
    public ProcessLimit(ShieldService service, TimeProvider time, ILogger<ProcessLimit> logger)
    {
        _service = service;
        _time = time;
        _logger = logger;
        _onChange = ChangeToken.OnChange(service.GetChangeToken, () =>
        {
            lock (_gate)
                WakeWaiters();
            EndStress();
        });
    }

    /// <summary>Sessions that have a slot now.</summary>
    public int Sessions
    {
        get
        {
            lock (_gate)
                return _sessions;
        }
    }

    /// <summary>Whether sessions have reached the limit and have not gone down to 70 % of it since: time for the stress values.</summary>
    public bool IsUnderStress => Volatile.Read(ref _isUnderStress);

    private int Limit => _service.Current.Listener.DefaultProcessLimit;

    /// <summary>Completes when a listener may accept: there is room, and nobody who is already accepted waits for it.</summary>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task changed;
            lock (_gate)
            {
                if (_sessions + _held < Limit)
                    return;
                changed = Changed();
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Takes a slot for an accepted connection; when another listener took the last one first, waits for the next.</summary>
    /// <param name="listener">Where the connection was accepted; named in the warning.</param>
    /// <param name="cancellationToken">Gives the connection up.</param>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public ValueTask<ProcessSlot> TakeAsync(EndPoint listener, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return TryTake(listener) is { } slot ? ValueTask.FromResult(slot) : WaitAndTakeAsync(listener, cancellationToken);
    }

    /// <summary>Gives a slot back; <see cref="ProcessSlot"/> sees to it that this happens once.</summary>
    internal void Return()
    {
        lock (_gate)
        {
            _sessions--;
            WakeWaiters();
        }

        if (IsUnderStress)
            EndStress();
    }

    /// <inheritdoc/>
    public void Dispose() => _onChange.Dispose();

    private async ValueTask<ProcessSlot> WaitAndTakeAsync(EndPoint listener, CancellationToken cancellationToken)
    {
        lock (_gate)
            _held++;
        try
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                    changed = Changed();
                if (TryTake(listener) is { } slot)
                    return slot;
                await changed.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            lock (_gate)
            {
                _held--;
                WakeWaiters();
            }
        }
    }

    private ProcessSlot? TryTake(EndPoint listener)
    {
        int limit;
        var warn = false;
        var isNew = false;
        lock (_gate)
        {
            limit = Limit;
            if (_sessions >= limit)
                return null;
            if (++_sessions == limit)
            {
                warn = IsWarningDue();
                isNew = !_isUnderStress;
                Volatile.Write(ref _isUnderStress, true);
            }
        }

        if (warn)
        {
            Log.LimitReached(_logger, _service.Name, Describe(listener), limit);
            Log.HowToAvoid(_logger);
            Log.WhereToRead(_logger);
        }

        if (isNew)
            Log.StressBegins(_logger, limit);

        return new ProcessSlot(this);
    }

    private bool IsWarningDue()
    {
        var now = _time.GetTimestamp();
        if (_warnedAt is { } warned && _time.GetElapsedTime(warned, now) <= WarningInterval)
            return false;
        _warnedAt = now;
        return true;
    }

    private void EndStress()
    {
        int sessions;
        lock (_gate)
        {
            sessions = _sessions;
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

    private Task Changed() => (_roomOrLimitChanged ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void WakeWaiters()
    {
        _roomOrLimitChanged?.SetResult();
        _roomOrLimitChanged = null;
    }

    private static partial class Log
    {
        [LoggerMessage(1000, LogLevel.Warning, "service \"{Service}\" ({Endpoint}) has reached its process limit \"{Limit}\": new clients may experience noticeable delays")]
        public static partial void LimitReached(ILogger logger, string service, string endpoint, int limit);

        [LoggerMessage(1001, LogLevel.Warning, "to avoid this condition, increase the process count in master.cf or reduce the service time per client")]
        public static partial void HowToAvoid(ILogger logger);

        [LoggerMessage(1002, LogLevel.Warning, "see https://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings")]
        public static partial void WhereToRead(ILogger logger);

        [LoggerMessage(1005, LogLevel.Information, "entering STRESS mode with {Sessions} connections", EventName = "StressBegins")]
        public static partial void StressBegins(ILogger logger, int sessions);

        [LoggerMessage(1006, LogLevel.Information, "leaving STRESS mode with {Sessions} connections", EventName = "StressEnds")]
        public static partial void StressEnds(ILogger logger, int sessions);
    }
}
