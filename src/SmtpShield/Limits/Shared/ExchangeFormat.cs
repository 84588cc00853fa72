using System.Buffers.Binary;
using System.Net;
using System.Text;
using SmtpShield.Clients;

namespace SmtpShield.Limits.Shared;

/// <summary>Reports and counts as octets, as <c>exchange.lua</c> has them: little endian, one behind the other; services as MessagePack.</summary>
internal static class ExchangeFormat
{
    private const byte Array16 = 0xdc;
    private const byte String8 = 0xd9;
    private const byte UInt32 = 0xce;
    private const int LongestServiceName = 64;
    private const string Marks = "_.:-[]";

    /// <summary>Octets of what is said of one client by the store.</summary>
    public const int CountsSize = sizeof(int) * (2 + AnvilEventCounts.Length);

    /// <summary>Whether a name can be part of a key: nothing a client says is in it, and nothing that has a meaning for the store.</summary>
    public static bool IsName(string service) =>
        service.Length is > 0 and <= LongestServiceName && service.All(static letter => char.IsAsciiLetterOrDigit(letter) || Marks.Contains(letter));

    /// <summary>What a client is called in the store.</summary>
    public static string ClientOf(in AnvilKey key) => key.ToString();

    /// <summary>The client of a name in the store.</summary>
    /// <param name="text">The name.</param>
    /// <param name="services">The services there are.</param>
    /// <param name="key">The client.</param>
    /// <returns>Whether it is one of a service that is shared.</returns>
    public static bool TryReadClient(string text, IReadOnlyList<SharedService> services, out AnvilKey key)
    {
        foreach (var service in services)
        {
            if (text.Length <= service.Name.Length + 1 || text[service.Name.Length] != ':' || !text.StartsWith(service.Name, StringComparison.Ordinal))
                continue;

            var range = text.AsSpan(service.Name.Length + 1);
            var slash = range.IndexOf('/');
            var address = slash < 0 ? range : range[..slash];
            var length = 0;
            if (!IPAddress.TryParse(address, out var parsed) || (slash >= 0 && !int.TryParse(range[(slash + 1)..], out length)))
                continue;

            var most = parsed.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128;
            length = slash < 0 ? most : length;
            if (length < 0 || length > most)
                continue;

            key = new(service.Name, ClientRange.Of(parsed, length, length));
            return true;
        }

        key = default;
        return false;
    }

    /// <summary>The reports of a call.</summary>
    public static byte[] Reports(ExchangeCall call)
    {
        var octets = new byte[call.Reports.Count * (1 + CountsSize)];
        var rest = octets.AsSpan();
        foreach (var report in call.Reports)
        {
            rest[0] = IndexOf(report.Key.Service, call.Services);
            rest = rest[1..];
            Write(ref rest, report.Counts.Age);
            Write(ref rest, report.Counts.Open);
            for (var i = 0; i < AnvilEventCounts.Length; i++)
                Write(ref rest, report.Counts.Rates[i]);
        }

        return octets;
    }

    /// <summary>The services of a call.</summary>
    public static byte[] Services(ExchangeCall call)
    {
        using var octets = new MemoryStream();
        Head(Array16, (ushort)call.Services.Count);
        foreach (var service in call.Services)
        {
            Head(Array16, AnvilEventCounts.Length + 2);
            octets.WriteByte(String8);
            octets.WriteByte((byte)service.Name.Length);
            octets.Write(Encoding.ASCII.GetBytes(service.Name));
            Number(service.OpenLimit);
            for (var i = 0; i < AnvilEventCounts.Length; i++)
                Number(service.RateLimits[i]);
        }

        return octets.ToArray();

        void Head(byte kind, ushort count)
        {
            Span<byte> head = [kind, (byte)(count >> 8), (byte)count];
            octets.Write(head);
        }

        void Number(int value)
        {
            Span<byte> number = stackalloc byte[5];
            number[0] = UInt32;
            BinaryPrimitives.WriteInt32BigEndian(number[1..], value);
            octets.Write(number);
        }
    }

    /// <summary>What the store says of clients.</summary>
    /// <param name="octets">What it has said.</param>
    /// <param name="count">Of how many clients.</param>
    /// <exception cref="SharedStoreException">It has another length, or a number that is no count.</exception>
    public static SharedCounts[] ReadCounts(ReadOnlySpan<byte> octets, int count)
    {
        if (octets.Length != count * CountsSize)
            throw new SharedStoreException("an answer of the wrong length");

        var all = new SharedCounts[count];
        for (var i = 0; i < count; i++)
        {
            var age = BinaryPrimitives.ReadInt32LittleEndian(octets);
            octets = octets[sizeof(int)..];
            var open = Read(ref octets);
            AnvilEventCounts rates = default;
            for (var kind = 0; kind < AnvilEventCounts.Length; kind++)
                rates[kind] = Read(ref octets);
            all[i] = new(age, open, rates);
        }

        return all;
    }

    private static byte IndexOf(string service, IReadOnlyList<SharedService> services)
    {
        for (var i = 0; i < services.Count; i++)
        {
            if (services[i].Name == service)
                return (byte)i;
        }

        throw new ArgumentException($"{service} is not shared.", nameof(service));
    }

    private static void Write(ref Span<byte> rest, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(rest, value);
        rest = rest[sizeof(int)..];
    }

    private static int Read(ref ReadOnlySpan<byte> rest)
    {
        var value = BinaryPrimitives.ReadInt32LittleEndian(rest);
        rest = rest[sizeof(int)..];
        return value >= 0 ? value : throw new SharedStoreException("an answer with a number that is no count");
    }
}
