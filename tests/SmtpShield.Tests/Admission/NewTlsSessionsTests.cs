using System.Net;
using System.Text;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Protocol;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Admission;

public class NewTlsSessionsTests
{
    private static readonly ClientIdentity _client = new(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234));

    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _anvil = null!;
    private ListLogger<NewTlsSessions> _log = null!;
    private NewTlsSessions _sessions = null!;

    [SetUp]
    public void Create()
    {
        _snapshot = new(WithLimit(2));
        _anvil = TestAnvil.Table(_snapshot, new FakeTimeProvider());
        _log = new();
        var service = new ShieldService("smtps", _snapshot);
        _sessions = new(service, _log);
    }

    [Test]
    public void Count_OneTooMany_IsRefusedInPostfixsWordsAndTheNextHandshakeNotBegun()
    {
        using var counter = Counter();
        Reply?[] replies = [_sessions.Count(_client, counter), _sessions.Count(_client, counter)];
        var mayBegin = _sessions.MayBegin(_client, counter);
        var refusal = _sessions.Count(_client, counter);

        Assert.That((replies[0], replies[1], mayBegin), Is.EqualTo(((Reply?)null, (Reply?)null, true)));
        Assert.That(Encoding.ASCII.GetString(refusal!.Octets.Span), Is.EqualTo("421 4.7.0 mail.example.com Error: too many new TLS sessions from unknown[192.0.2.7]\r\n"));
        Assert.That(_sessions.MayBegin(_client, counter), Is.False);
        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Warning: New TLS session rate limit exceeded: 3 from unknown[192.0.2.7] for service smtps",
            "Warning: Refusing TLS service request from unknown[192.0.2.7] for service smtps",
        }));
    }

    [Test]
    public void Count_NoLimitOrExemptClient_RefusesNothing()
    {
        using var counter = Counter();
        _snapshot.Replace(WithLimit(0));

        Assert.That((_sessions.MayBegin(_client, counter), _sessions.Count(_client, counter), _sessions.MostUnderWay(counter)), Is.EqualTo((true, (Reply?)null, int.MaxValue)));
        Assert.That((_sessions.MayBegin(_client, null), _sessions.Count(_client, null)), Is.EqualTo((true, (Reply?)null)));
        Assert.That(_anvil.Size, Is.Zero);
    }

    [TestCase(0, 7)]
    [TestCase(2, 5)]
    [TestCase(9, 1)]
    public void MostUnderWay_BelowTheLimit_IsWhatIsLeftAndAFew(int counted, int most)
    {
        using var counter = Counter();
        for (var i = 0; i < counted; i++)
            _sessions.Count(_client, counter);

        Assert.That(_sessions.MostUnderWay(counter), Is.EqualTo(most));
    }

    private ClientCounter Counter() => new(_anvil, new("smtps", _client.Range));

    private static ShieldOptions WithLimit(int limit) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Limits = new() { ClientNewTlsSessionRateLimit = limit },
    };
}
