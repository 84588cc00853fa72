using System.Runtime.InteropServices;
using System.Security.Cryptography;
using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// Where a client's record goes. Addresses are the attacker's choice, so the function is drawn anew in each process: two given clients meet in a value with
/// probability 2^-32, whoever chose them.
/// </summary>
/// <remarks>
/// Multiply-shift on 32-bit words with random 64-bit factors (Dietzfelbinger 1996), which is strongly universal. That alone would leave addresses in a row in
/// step: with one function in some hundreds twice as many of a network as of others would be in one shard. So the value is mixed (MurmurHash3's end), by what
/// is reversible: no two values meet for it.
/// </remarks>
internal sealed class AnvilHash
{
    private readonly ulong[] _factors = new ulong[6];

    /// <summary>Draws a function.</summary>
    public AnvilHash() => RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(_factors.AsSpan()));

    /// <summary>The hash of a client at a service.</summary>
    public uint Of(in ClientRange client, byte service)
    {
        var high = (ulong)(client.Bits >> 64);
        var low = (ulong)client.Bits;
        var rest = service | (uint)client.PrefixLength << 8 | (client.IsIPv4 ? 1u << 16 : 0);
        var factors = _factors;
        return Mix((uint)(
            (factors[0] + factors[1] * (high >> 32) + factors[2] * (uint)high + factors[3] * (low >> 32) + factors[4] * (uint)low + factors[5] * rest) >> 32));
    }

    private static uint Mix(uint value)
    {
        value = (value ^ (value >> 16)) * 0x85eb_ca6b;
        value = (value ^ (value >> 13)) * 0xc2b2_ae35;
        return value ^ (value >> 16);
    }
}
