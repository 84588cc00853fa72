using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using SmtpShield.Clients;

namespace SmtpShield.Mta.Policies;

/// <summary>
/// The same one for the same client range, as long as it is there: weighted rendezvous hashing. When a destination goes, its clients are shared out among the
/// others, and nobody else moves. The same in each process, so that shields beside each other agree.
/// </summary>
internal sealed class ByClient : IUpstreamPolicy
{
    /// <inheritdoc />
    public int Pick(ReadOnlySpan<Candidate> candidates, in ClientRange client)
    {
        var (best, highest) = (0, double.NegativeInfinity);
        for (var i = 0; i < candidates.Length; i++)
        {
            // -w / ln(u) with u even in (0, 1): the highest one is each one's with a probability that is its share of all weights.
            var score = -candidates[i].Weight / Math.Log(EvenOf(candidates[i].Name, client));
            if (score > highest)
                (best, highest) = (i, score);
        }

        return best;
    }

    private static double EvenOf(string name, in ClientRange client)
    {
        Span<byte> key = stackalloc byte[512];
        BinaryPrimitives.WriteUInt128BigEndian(key, client.Bits);
        key[16] = client.PrefixLength;
        key[17] = client.IsIPv4 ? (byte)4 : (byte)6;
        // A host name has 255 octets at most.
        var length = 18 + Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, key.Length - 18)), key[18..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key[..length], hash);
        return ((BinaryPrimitives.ReadUInt64BigEndian(hash) >> 12) + 0.5) / (1UL << 52);
    }
}
