using System.Net;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;

namespace SmtpShield.Tests.Session;

/// <summary>Limits on a client that are set while its session goes on: what they find counted.</summary>
public sealed class ReloadedLimitsTests
{
    private static readonly ShieldOptions s_open = new() { Smtpd = new() { MyHostname = "mx" }, Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) } };

    [TestCase(true, "450 4.7.1 Error: too much mail from 192.0.2.7\r\n")]
    [TestCase(false, "250 ok\r\n")]
    public async Task MessageRate_LimitIsSetMeanwhile_FindsWhatWasObserved(bool isObserved, string reply)
    {
        await using var session = Greeted(isObserved);
        foreach (var sender in "ab")
        {
            session.Exchange($"MAIL FROM:<{sender}@x>\r\n", "250 ok\r\n");
            session.Exchange("RSET\r\n", "250 ok\r\n");
        }

        Limit(session, static limits => limits with { ClientMessageRateLimit = 2 });
        Assert.That(Answered(session, "MAIL FROM:<c@x>\r\n", "250 ok\r\n"), Is.EqualTo(reply));
    }

    /// <summary>Counted is what Postfix counts: RCPT in a transaction, whatever the MTA answers, and VRFY.</summary>
    [TestCase(true, "450 4.7.1 Error: too many recipients from 192.0.2.7\r\n")]
    [TestCase(false, "250 ok\r\n")]
    public async Task RecipientRate_LimitIsSetMeanwhile_FindsWhatWasObserved(bool isObserved, string reply)
    {
        await using var session = Greeted(isObserved);
        session.Exchange("RCPT TO:<a@y>\r\n", "503 no\r\n");
        session.Exchange("MAIL FROM:<a@x>\r\n", "250 ok\r\n");
        session.Exchange("RCPT TO:<a@y>\r\n", "250 ok\r\n");
        session.Exchange("RCPT TO:<b@y>\r\n", "550 no\r\n");
        session.Exchange("VRFY c@y\r\n", "252 ok\r\n");

        Limit(session, static limits => limits with { ClientRecipientRateLimit = 4 });
        session.Exchange("RCPT TO:<d@y>\r\n", "250 ok\r\n");
        Assert.That(Answered(session, "RCPT TO:<e@y>\r\n", "250 ok\r\n"), Is.EqualTo(reply));
    }

    [TestCase(true, "421 4.7.0 mx Error: too many errors from 192.0.2.7\r\n")]
    [TestCase(false, "250 ok\r\n")]
    public async Task Errors_LimitIsSetMeanwhile_FindsWhatWasObserved(bool isObserved, string reply)
    {
        await using var session = Greeted(isObserved);
        session.Exchange("FOO\r\n", "500 no\r\n");
        session.Exchange("FOO\r\n", "500 no\r\n");

        Limit(session, static limits => limits with { ClientErrorRateLimit = 1 });
        Assert.That(Answered(session, "NOOP\r\n", "250 ok\r\n"), Is.EqualTo(reply));
    }

    /// <summary>It began when there was no budget, so it is asked about at its first response behind that.</summary>
    [TestCase(true, "421 4.7.0 mx Error: too many authentication failures from 192.0.2.7\r\n")]
    [TestCase(false, "235 ok\r\n")]
    public async Task Login_LimitIsSetInTheExchange_FindsWhatWasObserved(bool isObserved, string reply)
    {
        await using var session = Greeted(isObserved);
        session.Exchange("AUTH PLAIN AGEAYg==\r\n", "535 no\r\n");
        session.Exchange("AUTH PLAIN AGEAYg==\r\n", "535 no\r\n");
        session.Exchange("AUTH PLAIN\r\n", "334 \r\n");

        Limit(session, static limits => limits with { ClientAuthFailureRateLimit = 1 });
        Assert.That(Answered(session, "AGEAYg==\r\n", "235 ok\r\n"), Is.EqualTo(reply));
    }

    /// <summary>Each response is a guess: one that began within the budget may be beyond it.</summary>
    [Test]
    public async Task Login_LimitIsLoweredInTheExchange_EndsAtItsResponse()
    {
        await using var session = Greeted(isObserved: true);
        Limit(session, static limits => limits with { ClientAuthFailureRateLimit = 2 });
        session.Exchange("AUTH PLAIN AGEAYg==\r\n", "535 no\r\n");
        session.Exchange("AUTH PLAIN AGEAYg==\r\n", "535 no\r\n");
        session.Exchange("AUTH PLAIN\r\n", "334 \r\n");

        Limit(session, static limits => limits with { ClientAuthFailureRateLimit = 1 });
        Assert.That(
            Answered(session, "AGEAYg==\r\n", "235 ok\r\n"), Is.EqualTo("421 4.7.0 mx Error: too many authentication failures from 192.0.2.7\r\n"));
    }

    private static SessionUnderTest Greeted(bool isObserved)
    {
        var options = s_open with { Anvil = s_open.Anvil with { Observe = isObserved } };
        var table = TestAnvil.Table(new ShieldSnapshot(options), new FakeTimeProvider());
        return SessionUnderTest.Greeted(options, counter: new(table, new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128))));
    }

    private static void Limit(SessionUnderTest session, Func<SmtpdLimitOptions, SmtpdLimitOptions> change) =>
        session.Snapshot.Replace(session.Snapshot.Current with { Limits = change(session.Snapshot.Current.Limits) });

    // The MTA would say yes.
    private static string Answered(SessionUnderTest session, string sent, string mtaReply)
    {
        session.ClientSends(sent);
        var seen = session.MtaSees();
        if (seen == sent)
            session.MtaSends(mtaReply);
        return session.ClientSees();
    }
}
