using System.Text;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Mta.Learned;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Learned;

public class LearnedHandOverTests
{
    private static readonly LearnedKey _key = new("smtp", "mta.example.com:25", ClientHandoff.ProxyV2, UpstreamTlsSecurityLevel.May, IsInTls: true);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Take_WhatWasLearned_IsPromisedAndLastsAsLongAsItWould()
    {
        var old = new LearnedMtas(_time, new FakeLogger<LearnedMtas>());
        var known = old.Of(_key)!;
        known.NoteGreeting("220 mta ESMTP\r\n"u8);
        known.NoteEhlo("250-mta\r\n250-SIZE 100\r\n250 DSN\r\n"u8);
        known.NoteEhlo("250-mta\r\n250 SIZE 100\r\n"u8);
        known.NoteHelp(214, "214 ask\r\n"u8);
        _time.Advance(TimeSpan.FromMinutes(30));
        var learned = New([.. new LearnedHandOver(old).Lines()]);

        var promise = learned.PromiseOf([_key])!;
        Assert.That(Encoding.Latin1.GetString(promise.Greeting.Span), Is.EqualTo("220 mta ESMTP\r\n"));
        Assert.That(Encoding.Latin1.GetString(promise.Offer.Octets.Span), Is.EqualTo(Encoding.Latin1.GetString(old.PromiseOf([_key])!.Offer.Octets.Span)));
        Assert.That(learned.Of(_key)!.Help!.Code, Is.EqualTo(214));
        Assert.That(learned.PromiseOf([_key with { IsInTls = false }]), Is.Null);

        _time.Advance(TimeSpan.FromMinutes(31));
        Assert.That(learned.Of(_key)!.Help, Is.Null, "it counts for an hour in all");
    }

    [Test]
    public void Take_WhatIsNotUnderstood_IsLeftOut()
    {
        var learned = New([
            "greeting MjIwIG10YQ0K", "mta smtp mta.example.com:25 Telepathy May True", "greeting MjIwIG10YQ0K",
            "mta smtp mta.example.com:25 ProxyV2 May True", "greeting *", "ehlo soon 250 MjUwIG10YQ0K", "sings",
        ]);

        Assert.That((learned.PromiseOf([_key]), learned.All.Count()), Is.EqualTo((default(MtaPromise), 1)));
    }

    private LearnedMtas New(IReadOnlyList<string> lines)
    {
        var learned = new LearnedMtas(_time, new FakeLogger<LearnedMtas>());
        new LearnedHandOver(learned).Take(lines);
        return learned;
    }
}
