using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Control.Admin;

/// <summary>
/// How often a source may guess: <see cref="Most"/> failures a minute, then it is refused until the minute is over. A source is an address, or the IPv6 network
/// of 64 bits it is in. <see cref="Sources"/> are known at most; then the one goes whose minute began first.
/// </summary>
internal sealed class LoginLimit(TimeProvider time)
{
    /// <summary>Failures a minute.</summary>
    public const int Most = 5;

    /// <summary>Sources that are known at most.</summary>
    public const int Sources = 1024;

    private const int AddressBits = 32;
    private const int NetworkBits = 64;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientRange, (long Since, int Failures)> _failures = [];

    /// <summary>How long a source must wait; zero: it may try.</summary>
    public TimeSpan WaitOf(IPAddress source)
    {
        lock (_gate)
        {
            return _failures.TryGetValue(RangeOf(source), out var known) && known.Failures >= Most && Left(known.Since) is var left && left > TimeSpan.Zero
                ? left : TimeSpan.Zero;
        }
    }

    /// <summary>A source begins a guess, which counts as a failure until it is known to be none: many at once are no way around the limit.</summary>
    /// <returns>False: it has none left.</returns>
    public bool TryBegin(IPAddress source)
    {
        var range = RangeOf(source);
        lock (_gate)
        {
            if (!_failures.TryGetValue(range, out var known) || Left(known.Since) <= TimeSpan.Zero)
            {
                if (_failures.Count == Sources && !_failures.ContainsKey(range))
                    _failures.Remove(_failures.MinBy(static pair => pair.Value.Since).Key);
                known = (time.GetTimestamp(), 0);
            }

            if (known.Failures >= Most)
                return false;
            _failures[range] = known with { Failures = known.Failures + 1 };
            return true;
        }
    }

    /// <summary>A guess was right, or none was made after all.</summary>
    public void TakeBack(IPAddress source)
    {
        var range = RangeOf(source);
        lock (_gate)
        {
            if (_failures.TryGetValue(range, out var known) && known.Failures > 0)
                _failures[range] = known with { Failures = known.Failures - 1 };
        }
    }

    /// <summary>Which source an address belongs to.</summary>
    public static ClientRange RangeOf(IPAddress source) =>
        ClientRange.Of(source.IsIPv4MappedToIPv6 ? source.MapToIPv4() : source, AddressBits, NetworkBits);

    private TimeSpan Left(long since) => Minute - time.GetElapsedTime(since);
}
