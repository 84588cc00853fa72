using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>What a reply says, beyond its code.</summary>
internal static class ReplyOctets
{
    private const int Longest = 16;

    /// <summary>Whether a reply begins with these octets.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="prefix">At most 16 octets.</param>
    public static bool StartsWith(this in ReadOnlySequence<byte> reply, ReadOnlySpan<byte> prefix)
    {
        if (reply.Length < prefix.Length)
            return false;

        Span<byte> start = stackalloc byte[Longest];
        reply.Slice(0, prefix.Length).CopyTo(start);
        return start[..prefix.Length].SequenceEqual(prefix);
    }
}
