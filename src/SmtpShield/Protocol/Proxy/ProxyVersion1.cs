namespace SmtpShield.Protocol.Proxy;

/// <summary>The text form: <c>PROXY TCP4 192.0.2.1 198.51.100.1 56324 25</c> (proxy-protocol.txt, section 2.1).</summary>
internal static class ProxyVersion1
{
    /// <summary>Reads what stands between <c>PROXY </c> and CR LF.</summary>
    /// <returns>What is wrong with it.</returns>
    public static string Parse(ReadOnlySpan<byte> line, bool acceptUnknown, out ProxyHeader header)
    {
        header = new(ProxyHeaderKind.Unknown);
        var rest = line;
        var protocol = Word(ref rest);

        // What follows UNKNOWN is to be ignored.
        if (acceptUnknown && protocol.SequenceEqual("UNKNOWN"u8))
            return ProxyFaults.None;
        var isIPv4 = protocol.SequenceEqual("TCP4"u8);
        if (!isIPv4 && !protocol.SequenceEqual("TCP6"u8))
            return ProxyFaults.BadProtocolType;
        if (!TryParseAddress(Word(ref rest), isIPv4, out var client))
            return ProxyFaults.BadClientAddress;
        if (!TryParseAddress(Word(ref rest), isIPv4, out var server))
            return ProxyFaults.BadServerAddress;
        if (!ProxyAddressText.TryParseNumber(Word(ref rest), ushort.MaxValue, out var clientPort))
            return ProxyFaults.BadClientPort;

        // The last word is all that is left, so nothing can follow it.
        if (!ProxyAddressText.TryParseNumber(rest, ushort.MaxValue, out var serverPort))
            return ProxyFaults.BadServerPort;

        header = ProxyHeader.Of(EndPoint(client, clientPort, isIPv4), EndPoint(server, serverPort, isIPv4));
        return ProxyFaults.None;
    }

    private static bool TryParseAddress(ReadOnlySpan<byte> text, bool isIPv4, out UInt128 bits) =>
        isIPv4 ? ProxyAddressText.TryParseIPv4(text, out bits) : ProxyAddressText.TryParseIPv6(text, out bits);

    private static ProxyEndPoint EndPoint(UInt128 bits, int port, bool isIPv4) =>
        isIPv4 ? new(true, bits, (ushort)port) : ProxyEndPoint.OfIPv6(bits, (ushort)port);

    private static ReadOnlySpan<byte> Word(ref ReadOnlySpan<byte> rest)
    {
        var blank = rest.IndexOf((byte)' ');
        var word = blank < 0 ? rest : rest[..blank];
        rest = blank < 0 ? default : rest[(blank + 1)..];
        return word;
    }
}
