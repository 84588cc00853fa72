using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;

namespace SmtpShield.Tests.Admission;

public class NewTlsSessionsTests
{
    private static readonly ClientIdentity _client = new(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234));

    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _anvil = null!;
    private FakeLogger<NewTlsSessions> _log = null!;
    private NewTlsSessions _sessions = null!;

    [SetUp]
    public void Create()
    {
        _snapshot = new(WithLimit(2));
        _anvil = TestAnvil.Table(_snapshot, new FakeTimeProvider());
        _log = new();
        _sessions = new(_log);
    }

    [Test]
    public async Task Count_OneTooMany_IsRefusedInPostfixsWordsAndTheNextHandshakeNotBegun()
    {
        using var connection = Connection();
        Reply?[] replies = [await CountAsync(connection), await CountAsync(connection)];
        var mayBegin = _sessions.MayBegin(connection);
        var refusal = await CountAsync(connection);

        Assert.That((replies[0], replies[1], mayBegin), Is.EqualTo(((Reply?)null, (Reply?)null, true)));
        Assert.That(Encoding.ASCII.GetString(refusal!.Octets.Span),
            Is.EqualTo("421 4.7.0 mail.example.com Error: too many new TLS sessions from unknown[192.0.2.7]\r\n"));
        Assert.That(_sessions.MayBegin(connection), Is.False);
        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Warning: New TLS session rate limit exceeded: 3 from unknown[192.0.2.7] for service smtps",
            "Warning: Refusing TLS service request from unknown[192.0.2.7] for service smtps",
        }));
    }

    [Test]
    public async Task Count_NoLimitOrExemptClient_RefusesNothing()
    {
        using var connection = Connection();
        _snapshot.Replace(WithLimit(0) with { Anvil = new() { Observe = false } });

        Assert.That((_sessions.MayBegin(connection), await CountAsync(connection), NewTlsSessions.MostUnderWay(connection)),
            Is.EqualTo((true, (Reply?)null, (int?)int.MaxValue)));
        using var exempt = TestConnection.Of(_snapshot);
        Assert.That((_sessions.MayBegin(exempt), await CountAsync(exempt), NewTlsSessions.MostUnderWay(exempt)), Is.EqualTo((true, (Reply?)null, (int?)null)));
        Assert.That(_anvil.Size, Is.Zero);
    }

    [TestCase(0, 7)]
    [TestCase(2, 5)]
    [TestCase(9, 1)]
    public async Task MostUnderWay_BelowTheLimit_IsWhatIsLeftAndAFew(int counted, int most)
    {
        using var connection = Connection();
        for (var i = 0; i < counted; i++)
            await CountAsync(connection);

        Assert.That(NewTlsSessions.MostUnderWay(connection), Is.EqualTo(most));
    }

    // smtpd_client_new_tls_session_rate_limit = ${stress?{1}:{0}}
    [Test]
    public async Task Count_LimitIsSetUnderStressOnly_IsCountedAndJudgedByTheSame()
    {
        _snapshot.Replace(WithLimit(0) with { UnderStress = WithLimit(1) });
        using var connection = Connection(isUnderStress: true);

        var first = await CountAsync(connection);
        Assert.That((first, NewTlsSessions.MostUnderWay(connection), _sessions.MayBegin(connection)),
            Is.EqualTo(((Reply?)null, (int?)HandshakesInVain.MostTold, true)));
        Assert.That((await CountAsync(connection) is null, _sessions.MayBegin(connection)), Is.EqualTo((false, false)));
        Assert.That(_log.Lines, Has.Count.EqualTo(2));
    }

    private ValueTask<Reply?> CountAsync(ClientConnection connection) => _sessions.JudgeAsync(NewTlsSessions.Count(connection), connection);

    private ClientConnection Connection(bool isUnderStress = false) =>
        TestConnection.Of(_snapshot, counter: new(_anvil, new("smtps", _client.Range)), service: "smtps", isUnderStress: isUnderStress);

    private static ShieldOptions WithLimit(int limit) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.com" },
        Limits = new() { ClientNewTlsSessionRateLimit = limit },
    };
}
