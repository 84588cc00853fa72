using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace SmtpShield.Clients.Dns;

/// <summary>
/// One question to a name server and the reply to it (RFC 1035 section 4). Reads no more than names of clients need: PTR, A and AAAA, and CNAME on the way.
/// </summary>
internal static class DnsMessage
{
    /// <summary>Octets of the longest reply in a datagram (RFC 1035 section 2.3.4; longer ones are asked for by EDNS only).</summary>
    public const int LongestDatagram = 512;

    private const int HeaderLength = 12;
    private const int LongestName = 255;
    private const int LongestLabel = 63;
    private const int Pointer = 0xc0;
    private const ushort Internet = 1;

    // Octets of a record between its owner and its data: type, class, time to live, length.
    private const int RecordHead = 10;

    /// <summary>Writes a question, which asks for recursion.</summary>
    /// <param name="id">Chosen at random, so that nobody else can answer.</param>
    /// <param name="name">A host name, or what <see cref="ReverseName"/> makes; without a dot at its end.</param>
    /// <param name="type">What is asked for.</param>
    public static byte[] Question(ushort id, string name, DnsRecordType type)
    {
        var message = new byte[HeaderLength + name.Length + 2 + 4];
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        message[2] = 0x01; // RD
        message[5] = 1; // QDCOUNT
        var at = HeaderLength;
        foreach (var label in name.Split('.'))
        {
            message[at++] = (byte)label.Length;
            at += Encoding.ASCII.GetBytes(label, message.AsSpan(at));
        }

        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(at + 1), (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(at + 3), Internet);
        return message;
    }

    /// <summary>
    /// The name whose PTR record is an address's name: <c>7.2.0.192.in-addr.arpa</c> (RFC 1035 section 3.5), or 32 digits and <c>ip6.arpa</c> (RFC 3596 section
    /// 2.5).
    /// </summary>
    public static string ReverseName(IPAddress address)
    {
        var octets = address.GetAddressBytes().Reverse();
        return octets.Count() == 4
            ? $"{string.Join('.', octets)}.in-addr.arpa"
            : $"{string.Join('.', octets.Select(static octet => $"{octet & 0xf:x}.{octet >> 4:x}"))}.ip6.arpa";
    }

    /// <summary>Reads the reply to a question.</summary>
    /// <returns>Whether it is one: anybody may send a datagram.</returns>
    public static bool TryRead(ReadOnlySpan<byte> message, ReadOnlySpan<byte> question, out DnsReply reply)
    {
        reply = DnsReply.Of(DnsResult.Failed);
        if (!IsReplyTo(message, question))
            return false;

        var isTruncated = (message[2] & 0x02) != 0;
        switch (message[3] & 0x0f)
        {
            case 0 when isTruncated:
                reply = DnsReply.Of(DnsResult.Truncated);
                return true;
            case 0:
                return TryReadAnswer(message, question.Length, (DnsRecordType)BinaryPrimitives.ReadUInt16BigEndian(question[^4..]), ref reply);
            case 3:
                reply = DnsReply.Of(DnsResult.NoName);
                return true;
            default:
                return true;
        }
    }

    // The same id and question, whose letters some servers write otherwise; one question, a standard query. What else the octets hold are lengths up to 63 and
    // numbers below 'A'.
    private static bool IsReplyTo(ReadOnlySpan<byte> message, ReadOnlySpan<byte> question) =>
        message.Length >= question.Length
        && message[..2].SequenceEqual(question[..2])
        && (message[2] & 0xf8) == 0x80
        && BinaryPrimitives.ReadUInt16BigEndian(message[4..]) == 1
        && Ascii.EqualsIgnoreCase(message[HeaderLength..question.Length], question[HeaderLength..]);

    private static bool TryReadAnswer(ReadOnlySpan<byte> message, int at, DnsRecordType asked, ref DnsReply reply)
    {
        if (!TryReadName(message, HeaderLength, out var wanted, out _))
            return false;

        var name = "";
        List<IPAddress> addresses = [];
        for (var left = BinaryPrimitives.ReadUInt16BigEndian(message[6..]); left > 0; left--)
        {
            if (!TryReadName(message, at, out var owner, out at) || message.Length - at < RecordHead)
                return false;
            var head = message[at..];
            var data = at + RecordHead;
            var length = BinaryPrimitives.ReadUInt16BigEndian(head[8..]);
            if (message.Length - data < length)
                return false;

            at = data + length;
            if (BinaryPrimitives.ReadUInt16BigEndian(head[2..]) != Internet || !owner.Equals(wanted, StringComparison.OrdinalIgnoreCase))
                continue;
            var type = (DnsRecordType)BinaryPrimitives.ReadUInt16BigEndian(head);
            if (type is DnsRecordType.Cname or DnsRecordType.Ptr)
            {
                if (!TryReadName(message, data, out var target, out var end) || end != at)
                    return false;
                if (type == DnsRecordType.Cname)
                    wanted = target;
                else if (name.Length == 0)
                    name = target;
            }
            else if (type == asked)
            {
                if (length != (asked == DnsRecordType.A ? 4 : 16))
                    return false;
                addresses.Add(new(message.Slice(data, length)));
            }
        }

        var isFound = asked == DnsRecordType.Ptr ? name.Length > 0 : addresses.Count > 0;
        reply = isFound ? new(DnsResult.Found, name, addresses) : DnsReply.Of(DnsResult.NoRecord);
        return true;
    }

    // Pointers lead to what stands earlier, always further back, so that this ends.
    private static bool TryReadName(ReadOnlySpan<byte> message, int start, out string name, out int end)
    {
        (name, end) = ("", -1);
        Span<char> text = stackalloc char[LongestName * 2];
        var (count, octets, at, before) = (0, 0, start, start);
        while (at < message.Length)
        {
            int length = message[at];
            if (length >= Pointer)
            {
                if (at + 1 >= message.Length)
                    return false;
                end = end < 0 ? at + 2 : end;
                at = ((length & ~Pointer) << 8) | message[at + 1];
                if (at >= before)
                    return false;
                before = at;
                continue;
            }

            octets += length + 1;
            if (length > LongestLabel || octets > LongestName || at + 1 + length > message.Length)
                return false;
            if (length == 0)
            {
                end = end < 0 ? at + 1 : end;
                name = new(text[..count]);
                return true;
            }

            if (count > 0)
                text[count++] = '.';
            foreach (var octet in message.Slice(at + 1, length))
            {
                if (octet is (byte)'.' or (byte)'\\')
                    text[count++] = '\\';
                text[count++] = (char)octet;
            }

            at += 1 + length;
        }

        return false;
    }
}
