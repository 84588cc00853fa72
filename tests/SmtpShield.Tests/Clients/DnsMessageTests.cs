using System.Buffers.Binary;
using System.Net;
using System.Text;
using SmtpShield.Clients.Dns;

namespace SmtpShield.Tests.Clients;

[Property("Hazard", "I10")]
internal sealed class DnsMessageTests
{
    private static readonly byte[] _question = DnsMessage.Question(0x1234, "7.2.0.192.in-addr.arpa", DnsRecordType.Ptr);

    [TestCase("192.0.2.7", "7.2.0.192.in-addr.arpa")]
    [TestCase("2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")]
    public void ReverseName_Address_IsAsItsRfcHasIt(string address, string name) =>
        Assert.That(DnsMessage.ReverseName(IPAddress.Parse(address)), Is.EqualTo(name));

    [Test]
    public void Question_Name_IsOneQuestionThatAsksForRecursion() => Assert.That(
        Convert.ToHexString(DnsMessage.Question(0x1234, "mx.example.com", DnsRecordType.Aaaa)),
        Is.EqualTo("1234" + "0100" + "0001" + "0000" + "0000" + "0000" + "02" + Convert.ToHexString("mx"u8) + "07" + Convert.ToHexString("example"u8) + "03"
            + Convert.ToHexString("com"u8) + "00" + "001C" + "0001"));

    [Test]
    public void TryRead_Pointer_IsFollowed() =>
        Assert.That(Read(Reply(records: [.. Record("C00C", 12, [3, .. "mx7"u8, 0xc0, 0x0e])])),
            Is.EqualTo((true, DnsResult.Found, "mx7.2.0.192.in-addr.arpa")));

    [Test]
    public void TryRead_Alias_IsFollowed()
    {
        // RFC 2317: a provider's zone refers to its customer's.
        byte[] other = [.. Name("7.0-31.2.0.192.in-addr.arpa")];

        Assert.That(Read(Reply(count: 2, records: [.. Record("C00C", 5, other), .. Record(Convert.ToHexString(other), 12, Name("mx.example.com"))])),
            Is.EqualTo((true, DnsResult.Found, "mx.example.com")));
    }

    [Test]
    public void TryRead_SeveralNames_IsTheFirst() =>
        Assert.That(Read(Reply(count: 2, records: [.. Record("C00C", 12, Name("a.example.com")), .. Record("C00C", 12, Name("b.example.com"))])),
            Is.EqualTo((true, DnsResult.Found, "a.example.com")));

    [Test]
    public void TryRead_RecordOfAnotherName_IsNone() =>
        Assert.That(Read(Reply(records: [.. Record(Convert.ToHexString(Name("8.2.0.192.in-addr.arpa")), 12, Name("mx.example.com"))])),
            Is.EqualTo((true, DnsResult.NoRecord, "")));

    [Test]
    public void TryRead_OctetsNoNameHas_StayApartFromDots() =>
        Assert.That(Read(Reply(records: [.. Record("C00C", 12, [5, .. "a.b\r\\"u8, 3, .. "com"u8, 0])])),
            Is.EqualTo((true, DnsResult.Found, "a\\.b\r\\\\.com")));

    [TestCase(0, DnsResult.NoRecord)]
    [TestCase(1, DnsResult.Failed)]
    [TestCase(2, DnsResult.Failed)]
    [TestCase(3, DnsResult.NoName)]
    [TestCase(5, DnsResult.Failed)]
    public void TryRead_ResponseCode_IsWhatItMeans(byte code, DnsResult result) =>
        Assert.That(Read(Reply(0x8180 | code, count: 0)), Is.EqualTo((true, result, "")));

    [Test]
    public void TryRead_Truncated_IsToBeAskedAgain() => Assert.That(Read(Reply(0x8380, count: 0)), Is.EqualTo((true, DnsResult.Truncated, "")));

    [Test]
    public void TryRead_Addresses_AreAllOfTheType()
    {
        var question = DnsMessage.Question(1, "mx.example.com", DnsRecordType.A);
        byte[] message =
        [
            .. Header(1, 0x8180, 3), .. question[12..], .. Record("C00C", 1, [192, 0, 2, 1]), .. Record("C00C", 28, new byte[16]),
            .. Record("C00C", 1, [192, 0, 2, 2]),
        ];

        Assert.That(DnsMessage.TryRead(message, question, out var reply), Is.True);
        Assert.That(reply.Addresses, Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2") }));
    }

    [TestCase(0, 0x12, 0x13, TestName = "Another id")]
    [TestCase(2, 0x81, 0x01, TestName = "A question")]
    [TestCase(2, 0x81, 0x89, TestName = "Another operation")]
    [TestCase(5, 1, 0, TestName = "No question")]
    [TestCase(13, '7', '8', TestName = "Another name")]
    [TestCase(37, 12, 16, TestName = "Another type")]
    public void TryRead_ReplyToSomethingElse_IsNone(int at, int was, int octet)
    {
        var message = Reply(records: [.. Record("C00C", 12, Name("mx.example.com"))]);
        Assert.That(message[at], Is.EqualTo((byte)was));
        message[at] = (byte)octet;

        Assert.That(DnsMessage.TryRead(message, _question, out _), Is.False);
    }

    [Test]
    public void TryRead_LettersInAnotherCase_IsTheReply()
    {
        var message = Reply(records: [.. Record("C00C", 12, Name("mx.example.com"))]);
        message["7.2.0.192.in-addr".Length + 14] = (byte)'A';

        Assert.That(Read(message), Is.EqualTo((true, DnsResult.Found, "mx.example.com")));
    }

    [TestCase("C028", TestName = "Pointer to itself")]
    [TestCase("C030", TestName = "Pointer ahead")]
    [TestCase("C0", TestName = "Half a pointer")]
    [TestCase("40", TestName = "Label of 64")]
    [TestCase("05616263", TestName = "Label beyond the end")]
    public void TryRead_NameThatIsNone_IsNoReply(string owner) =>
        Assert.That(DnsMessage.TryRead([.. Header(0x1234, 0x8180, 1), .. _question[12..], .. Convert.FromHexString(owner)], _question, out _), Is.False);

    [Test]
    public void TryRead_AnyOctets_EndsAndNeverThrows()
    {
        var random = new Random(1);
        byte[] whole = Reply(count: 2,
            records: [.. Record("C00C", 5, Name("x.example.com")), .. Record(Convert.ToHexString(Name("x.example.com")), 12, [2, .. "mx"u8, 0xc0, 0x10])]);
        for (var length = 0; length < whole.Length; length++)
            Assert.That(DnsMessage.TryRead(whole.AsSpan(0, length), _question, out _), Is.False, $"{length} octets");
        for (var i = 0; i < 100_000; i++)
        {
            var damaged = (byte[])whole.Clone();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
                damaged[random.Next(damaged.Length)] = (byte)(random.Next(3) == 0 ? 0xc0 : random.Next(256));
            if (DnsMessage.TryRead(damaged.AsSpan(0, random.Next(damaged.Length + 1)), _question, out var reply))
                Assert.That(reply.Name.Length, Is.LessThanOrEqualTo(510));
        }
    }

    private static (bool IsReply, DnsResult Result, string Name) Read(byte[] message) =>
        (DnsMessage.TryRead(message, _question, out var reply), reply.Result, reply.Name);

    private static byte[] Reply(int flags = 0x8180, int count = 1, byte[]? records = null) =>
    [
        .. Header(0x1234, flags, count), .. _question[12..], .. records ?? [],
    ];

    private static byte[] Header(int id, int flags, int count) =>
    [
        (byte)(id >> 8), (byte)id, (byte)(flags >> 8), (byte)flags, 0, 1, 0, (byte)count, 0, 0, 0, 0,
    ];

    private static byte[] Name(string name) =>
    [
        .. name.Split('.').SelectMany(static label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0,
    ];

    private static byte[] Record(string owner, ushort type, byte[] data)
    {
        byte[] record = [.. Convert.FromHexString(owner), 0, 0, 0, 1, 0, 0, 0, 60, (byte)(data.Length >> 8), (byte)data.Length, .. data];
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(owner.Length / 2), type);
        return record;
    }
}
