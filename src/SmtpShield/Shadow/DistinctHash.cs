using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SmtpShield.Clients;

namespace SmtpShield.Shadow;

/// <summary>
/// By which clients are told apart where they are only counted. Addresses are the attacker's choice: where they go is not, for it has a secret.
/// </summary>
internal sealed class DistinctHash
{
    private const int Factors = 3;

    private readonly ulong[] _factors;

    /// <summary>One with a secret of its own.</summary>
    public DistinctHash()
        : this(new ulong[Factors]) => RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(_factors.AsSpan()));

    private DistinctHash(ulong[] factors) => _factors = factors;

    /// <summary>The secret, to be kept: what was counted by it says nothing to another one.</summary>
    public string Text => Convert.ToBase64String(MemoryMarshal.AsBytes<ulong>(_factors));

    /// <summary>The one with a secret; null: that is none.</summary>
    public static DistinctHash? Parse(string text)
    {
        var factors = new ulong[Factors];
        return Convert.TryFromBase64String(text, MemoryMarshal.AsBytes(factors.AsSpan()), out var octets) && octets == Factors * sizeof(ulong)
            ? new(factors) : null;
    }

    /// <summary>The hash of a client.</summary>
    public ulong Of(in ClientRange client)
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
}
