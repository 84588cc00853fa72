using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SmtpShield.Clients;

namespace SmtpShield.Shadow;

/// <summary>
/// Counts different clients: exactly up to <see cref="MostExact"/>, then by an estimate that is off by some 1.6 % (HyperLogLog, Flajolet 2007, with 4096
/// registers). At most 4 KiB and what the exact ones take. Not thread-safe.
/// </summary>
internal sealed class DistinctClients
{
    /// <summary>Clients that are counted exactly.</summary>
    public const int MostExact = 4096;

    private const int IndexBits = 12;
    private const int Registers = 1 << IndexBits;

    // Addresses are the attacker's choice: where they go is not.
    private static readonly ulong[] _factors = DrawFactors();

    private HashSet<ulong>? _exact = [];
    private byte[]? _registers;

    /// <summary>How many there are now. Copies at most the 4 KiB of the registers.</summary>
    public DistinctCount Look() => new(_exact?.Count ?? 0, (byte[]?)_registers?.Clone());

    /// <summary>A client is one of them.</summary>
    public void Add(in ClientRange client)
    {
        var hash = HashOf(client);
        if (_exact is not null)
        {
            _exact.Add(hash);
            if (_exact.Count <= MostExact)
                return;

            _registers = new byte[Registers];
            foreach (var one in _exact)
                Register(one);
            _exact = null;
        }

        Register(hash);
    }

    private void Register(ulong hash)
    {
        ref var register = ref _registers![hash >> (64 - IndexBits)];
        register = Math.Max(register, (byte)(1 + BitOperations.LeadingZeroCount(hash << IndexBits | 1UL << (IndexBits - 1))));
    }

    private static ulong HashOf(in ClientRange client)
    {
        var rest = client.PrefixLength | (client.IsIPv4 ? 256UL : 0);
        return Mix(Mix((ulong)client.Bits ^ _factors[0]) + Mix((ulong)(client.Bits >> 64) ^ _factors[1]) + (rest ^ _factors[2]));
    }

    // The finalizer of SplitMix64.
    private static ulong Mix(ulong value)
    {
        value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
        value = (value ^ value >> 27) * 0x94d049bb133111eb;
        return value ^ value >> 31;
    }

    private static ulong[] DrawFactors()
    {
        var factors = new ulong[3];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(factors.AsSpan()));
        return factors;
    }
}
