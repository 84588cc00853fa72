using Microsoft.Extensions.Logging;
using SmtpShield.Mta.Stress;
using SmtpShield.Options;

namespace SmtpShield.Mta;

/// <summary>
/// Whether a service's MTAs are under pressure: half of the sessions they may have are in use, somebody waits for one
/// (<see cref="Slots.MtaSlots.IsWaitedFor"/>), or they are hard pressed themselves (<see cref="MtaStress"/>). Over when they are down to 35 %, nobody waits and
/// they are well, for 10 s without interruption, so that a service which stands at the threshold does not waver.
/// </summary>
/// <param name="service">The service.</param>
/// <param name="upstreams">Its MTAs.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where log lines go.</param>
internal sealed partial class MtaPressure(ShieldService service, UpstreamPool upstreams, TimeProvider time, ILogger<MtaPressure> log) : IStressSource
{
    private const int BeginsAt = 50;
    private const int EndsAt = 35;

    private static readonly TimeSpan EndsBehind = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private long _calmSince;
    private bool _isOn;

    /// <inheritdoc />
    public bool IsUnderStress => upstreams.StressOf(service.Name) == StressLevel.Stressed;

    /// <summary>Looks, and says whether they are.</summary>
    public bool Look()
    {
        var (used, limit, isWaiting) = upstreams.UseOf(service.Name);
        var isPressed = upstreams.StressOf(service.Name) != StressLevel.None;
        lock (_gate)
        {
            var isHigh = limit > 0 && (isPressed || isWaiting || used * 100L >= limit * (long)BeginsAt);
            var isCalm = !isPressed && !isWaiting && used * 100L <= limit * (long)EndsAt;
            if (!_isOn && isHigh)
            {
                _isOn = true;
                if (IsLogged)
                    Log.Begins(log, used, limit);
            }

            if (_isOn && limit == 0)
                _isOn = false;
            else if (_isOn && !isCalm)
                _calmSince = time.GetTimestamp();
            else if (_isOn && time.GetElapsedTime(_calmSince) >= EndsBehind)
                End(used, limit);
            return _isOn;
        }
    }

    // Who has decided when the MTA is dialed need not hear of it.
    private bool IsLogged => service.Unstressed.Upstream.Connect is UpstreamConnect.Auto;

    private void End(int used, int limit)
    {
        _isOn = false;
        if (IsLogged)
            Log.Ends(log, used, limit);
    }

    private static partial class Log
    {
        [LoggerMessage(1651, LogLevel.Information, "late dialing on: {Used} of {Limit} sessions at the MTA", EventName = "LateDialingOn")]
        public static partial void Begins(ILogger logger, int used, int limit);

        [LoggerMessage(1652, LogLevel.Information, "late dialing off: {Used} of {Limit} sessions at the MTA", EventName = "LateDialingOff")]
        public static partial void Ends(ILogger logger, int used, int limit);
    }
}
