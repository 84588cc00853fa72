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
        _sessions = new(_anvil, new(service), service, _log);
    }

    [Test]
    public void Count_OneTooMany_IsRefusedInPostfixsWordsAndTheNextHandshakeNotBegun()
    {
        using var counter = _sessions.CounterOf(_client)!;
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
    public void CounterOf_NoLimitOrExemptClient_IsNone()
    {
        _snapshot.Replace(WithLimit(0));
        var withoutLimit = _sessions.CounterOf(_client);
        _snapshot.Replace(WithLimit(2, "192.0.2.0/24"));

        Assert.That((withoutLimit, _sessions.CounterOf(_client), _sessions.MayBegin(_client, null), _sessions.Count(_client, null)), Is.EqualTo(((ClientCounter?)null, (ClientCounter?)null, true, (Reply?)null)));
    }

    private static ShieldOptions WithLimit(int limit, string exceptions = "") => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Limits = new() { ClientNewTlsSessionRateLimit = limit, ClientEventLimitExceptions = AddressPatternList.Parse(exceptions) },
    };
}
