using System.Buffers;

namespace SmtpShield.Protocol.Proxy;

/// <summary>
/// Reads the header a proxy puts before a client's octets (proxy-protocol.txt, versions 1 and 2, told apart by how they begin).
/// Strict: what two receivers could read as two clients is none. Content of TLVs is checked for its bounds and not used.
/// </summary>
internal static class ProxyHeaderParser
{
    /// <summary>Reads one header.</summary>
    /// <param name="input">What has been received.</param>
    /// <param name="acceptUnknown">Whether a header that names no client is one (<c>shield_proxy_unknown</c>).</param>
    /// <param name="header">What it says, when complete.</param>
    /// <param name="consumed">Where the client's octets begin, when complete.</param>
    /// <param name="fault">What is wrong with it, in Postfix's words where it has them (global/haproxy_srvr.c); when more is needed, what is
    /// wrong if nothing more comes.</param>
    public static ProxyHeaderStatus TryRead(
        in ReadOnlySequence<byte> input, bool acceptUnknown, out ProxyHeader header, out SequencePosition consumed, out string fault)
    {
        header = default;
        consumed = input.Start;
        Span<byte> first = stackalloc byte[ProxyFormat.FixedLength];
        first = first[..(int)Math.Min(first.Length, input.Length)];
        input.Slice(0, first.Length).CopyTo(first);

        if (Begins(first, ProxyFormat.Version1Start))
            return ReadVersion1(input, acceptUnknown, out header, out consumed, out fault);
        if (Begins(first, ProxyFormat.Signature))
            return ReadVersion2(input, first, acceptUnknown, out header, out consumed, out fault);
        if (first.Length < ProxyFormat.FixedLength)
        {
            fault = first.IsEmpty ? ProxyFaults.NoHeader : ProxyFaults.ShortHeader;
            return CouldBegin(first, ProxyFormat.Version1Start) || CouldBegin(first, ProxyFormat.Signature)
                ? ProxyHeaderStatus.NeedMore
                : ProxyHeaderStatus.Malformed;
        }

        fault = ProxyFaults.UnrecognizedHeader;
        return ProxyHeaderStatus.Malformed;
    }

    private static bool Begins(ReadOnlySpan<byte> input, ReadOnlySpan<byte> start) => input.StartsWith(start);

    private static bool CouldBegin(ReadOnlySpan<byte> input, ReadOnlySpan<byte> start) => start.StartsWith(input);

    private static ProxyHeaderStatus ReadVersion1(
        in ReadOnlySequence<byte> input, bool acceptUnknown, out ProxyHeader header, out SequencePosition consumed, out string fault)
    {
        header = default;
        consumed = input.Start;
        Span<byte> line = stackalloc byte[ProxyFormat.Version1Length];
        line = line[..(int)Math.Min(line.Length, input.Length)];
        input.Slice(0, line.Length).CopyTo(line);

        var lineFeed = line.IndexOf((byte)'\n');
        if (lineFeed < 0)
        {
            fault = ProxyFaults.MissingTerminator;
            return line.Length < ProxyFormat.Version1Length ? ProxyHeaderStatus.NeedMore : ProxyHeaderStatus.Malformed;
        }

        // Postfix takes an LF alone, and nobody reads the line's end differently: it is the first LF either way.
        var end = line[lineFeed - 1] == (byte)'\r' ? lineFeed - 1 : lineFeed;
        fault = ProxyVersion1.Parse(line[ProxyFormat.Version1Start.Length..end], acceptUnknown, out header);
        return End(input, lineFeed + 1, fault, ref consumed);
    }

    private static ProxyHeaderStatus ReadVersion2(
        in ReadOnlySequence<byte> input, ReadOnlySpan<byte> first, bool acceptUnknown, out ProxyHeader header, out SequencePosition consumed, out string fault)
    {
        header = default;
        consumed = input.Start;
        fault = ProxyFaults.ShortHeader;
        if (first.Length < ProxyFormat.FixedLength)
            return ProxyHeaderStatus.NeedMore;

        fault = ProxyVersion2.Judge(first, out var following);
        if (fault.Length > 0)
            return ProxyHeaderStatus.Malformed;

        var length = ProxyFormat.FixedLength + following;
        if (input.Length < length)
        {
            fault = ProxyFaults.ShortVersion2Header;
            return ProxyHeaderStatus.NeedMore;
        }

        Span<byte> octets = stackalloc byte[ProxyFormat.FixedLength + ProxyFormat.MostFollowing];
        octets = octets[..length];
        input.Slice(0, length).CopyTo(octets);
        fault = ProxyVersion2.Parse(octets, acceptUnknown, out header);
        return End(input, length, fault, ref consumed);
    }

    private static ProxyHeaderStatus End(in ReadOnlySequence<byte> input, int length, string fault, ref SequencePosition consumed)
    {
        if (fault.Length > 0)
            return ProxyHeaderStatus.Malformed;

        consumed = input.GetPosition(length);
        return ProxyHeaderStatus.Complete;
    }
}
