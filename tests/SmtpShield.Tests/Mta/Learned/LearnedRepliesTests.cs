using System.Text;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Mta.Learned;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Learned;

public class LearnedRepliesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogger _log = new();
    private LearnedReplies _replies = null!;

    [SetUp]
    public void Begin() => _replies = new("mta:25", _time, _log);

    [Test]
    public void Promise_NothingLearned_IsNone()
    {
        Assert.That(_replies.Promise, Is.Null);
        _replies.NoteGreeting("220 mta ESMTP\r\n"u8);
        Assert.That(_replies.Promise, Is.Null, "a greeting alone says not what is offered");
        Hear("250 mta\r\n");

        Assert.That((Greeting, Offer), Is.EqualTo(("220 mta ESMTP\r\n", "")));
    }

    [TestCase("220 m ESMTP; Mon 1\r\n", "220 m ESMTP; Tue 2\r\n", "220 mta ESMTP\r\n")]
    [TestCase("220 m ESMTP 9:59\r\n", "220 m ESMTP 10:00\r\n", "220 m ESMTP 10:00\r\n")]
    [TestCase("220-a\r\n220 b\r\n", "220-a\r\n220 b\r\n", "220-a\r\n220 b\r\n")]
    public void Greeting_ThatDiffersInMoreThanDigits_IsNobodysButTheClients(string first, string second, string promised)
    {
        Hear("250 mta\r\n");
        _replies.NoteGreeting(Encoding.Latin1.GetBytes(first));
        _replies.NoteGreeting(Encoding.Latin1.GetBytes(second));

        Assert.That(Greeting, Is.EqualTo(promised));
    }

    [Test]
    public void Greeting_OnceOfOneClient_StaysSo()
    {
        Hear("250 mta\r\n");
        _replies.NoteGreeting("220 hello a\r\n"u8);
        _replies.NoteGreeting("220 hello b\r\n"u8);
        _replies.NoteGreeting("220 hello b\r\n"u8);

        Assert.That(Greeting, Is.EqualTo("220 mta ESMTP\r\n"));
    }

    [Test]
    [Property("Pool", "SEAM-34")]
    public void Lists_OfTheLastHour_AreIntersected()
    {
        _replies.NoteGreeting("220 mta\r\n"u8);
        Hear("250-mta\r\n250-SIZE 10\r\n250-DSN\r\n250 8BITMIME\r\n");
        _time.Advance(TimeSpan.FromMinutes(59));
        Hear("250-mta\r\n250-SIZE 5\r\n250 8BITMIME\r\n");
        var both = Offer;
        _time.Advance(TimeSpan.FromMinutes(1));
        Hear("250-mta\r\n250-SIZE 20\r\n250 8BITMIME\r\n");
        var later = Offer;
        _time.Advance(TimeSpan.FromHours(1));
        var last = Offer;
        _time.Advance(TimeSpan.FromHours(23));

        Assert.That((both, later, last, _replies.Promise), Is.EqualTo(("SIZE 5|8BITMIME", "SIZE 5|8BITMIME", "SIZE 20|8BITMIME", (object?)null)));
    }

    [Test]
    public void Lists_TooManyDifferent_SwitchOffForAnHour()
    {
        _replies.NoteGreeting("220 mta\r\n"u8);
        for (var i = 1; i <= LearnedReplies.MostLists; i++)
            Hear($"250-mta\r\n250 SIZE {i}\r\n");
        Assert.That(Offer, Is.EqualTo("SIZE 1"));
        Hear("250-mta\r\n250 SIZE 99\r\n");
        Hear("250-mta\r\n250 SIZE 98\r\n");
        Assert.That(_replies.Promise, Is.Null);
        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Information: late dialing off for an hour: upstream mta:25 has given more than 8 different replies to EHLO",
        }));
        _time.Advance(TimeSpan.FromHours(1));

        Assert.That(Offer, Is.EqualTo("SIZE 98"));
    }

    [Test]
    public void Help_Learned_LastsAnHour()
    {
        Assert.That(_replies.Help, Is.Null);
        _replies.NoteHelp(214, "214 see there\r\n"u8);
        Assert.That(Encoding.Latin1.GetString(_replies.Help!.Octets.Span), Is.EqualTo("214 see there\r\n"));
        _time.Advance(TimeSpan.FromHours(1));

        Assert.That(_replies.Help, Is.Null);
    }

    [Test]
    public void Forget_Everything_LeavesNothing()
    {
        _replies.NoteGreeting("220 mta\r\n"u8);
        Hear("250 mta\r\n");
        _replies.Forget();

        Assert.That(_replies.Promise, Is.Null);
    }

    [Test]
    public void NoteProbe_NothingOfARealSession_Teaches()
    {
        Assert.That((Probe("250-mta shield\r\n250 SIZE 10\r\n"), Greeting, Offer), Is.EqualTo((false, "220 mta\r\n", "SIZE 10")));
        _time.Advance(TimeSpan.FromHours(24));

        Assert.That(_replies.Promise, Is.Null);
    }

    [Test]
    public void NoteProbe_ARealSessionWithinTheHour_TeachesNothing()
    {
        _replies.NoteGreeting("220 mta\r\n"u8);
        Hear("250-mta\r\n250-SIZE 10\r\n250 DSN\r\n");
        _time.Advance(TimeSpan.FromMinutes(59));
        Probe("250-mta\r\n250 SIZE 5\r\n");
        var before = Offer;
        _time.Advance(TimeSpan.FromMinutes(1));
        Probe("250-mta\r\n250 SIZE 5\r\n");

        Assert.That((before, Offer), Is.EqualTo(("SIZE 10|DSN", "SIZE 5")));
    }

    [Test]
    public void NoteProbe_SaysTheSameAsARealSessionLongAgo_MakesItNoNewer()
    {
        _replies.NoteGreeting("220 mta\r\n"u8);
        Hear("250-mta\r\n250 SIZE 10\r\n");
        _time.Advance(TimeSpan.FromHours(1));
        Probe("250-mta\r\n250 SIZE 10\r\n");
        Hear("250-mta\r\n250-SIZE 10\r\n250 DSN\r\n");

        Assert.That(Offer, Is.EqualTo("SIZE 10|DSN"));
    }

    [TestCase("250-mta\r\n250 SIZE 10\r\n")]
    [TestCase("250-mta\r\n250-SIZE 10\r\n250 DSN\r\n")]
    public void NoteEhlo_OfARealSession_TakesThePlaceOfWhatProbesWereTold(string reply)
    {
        Probe("250-mta\r\n250 SIZE 10\r\n");
        Hear(reply);
        _time.Advance(TimeSpan.FromMinutes(59));
        Probe("250-mta\r\n250 SIZE 10\r\n");

        Assert.That(Offer, Is.EqualTo(reply.Contains("DSN", StringComparison.Ordinal) ? "SIZE 10|DSN" : "SIZE 10"));
    }

    [Test]
    public void NoteProbe_OffersOther_ForgetsWhatWasKnown()
    {
        Probe("250-mta\r\n250 SIZE 10\r\n");
        Hear("250-mta\r\n250-SIZE 10\r\n250 DSN\r\n");
        Assert.That(Probe("250-mta 10:42\r\n250 SIZE 10\r\n"), Is.False, "a date is no offer");

        Assert.That((Probe("250-mta\r\n250 SIZE 20\r\n"), Offer), Is.EqualTo((true, "SIZE 20")));
    }

    [Test, Property("Pool", "SEAM-34")]
    public void NoteProbe_OffersAlternate_AreWhatTheyHaveInCommon()
    {
        string[] replies = ["250-mta\r\n250-SIZE 10\r\n250 DSN\r\n", "250-mta\r\n250 SIZE 20\r\n"];
        var forgotten = Enumerable.Range(0, 100).Count(i => Probe(replies[i % 2]));

        Assert.That((forgotten, Offer), Is.EqualTo((1, "SIZE 10")));
    }

    [Test]
    public void NoteProbe_LastOneWasLongAgo_SaysNothingOfWhatRealSessionsWereTold()
    {
        Probe("250-mta\r\n250 SIZE 10\r\n");
        _time.Advance(TimeSpan.FromHours(1));
        Hear("250-mta\r\n250 SIZE 20\r\n");

        Assert.That((Probe("250-mta\r\n250 SIZE 20\r\n"), Offer), Is.EqualTo((false, "SIZE 20")));
    }

    private string Greeting => Encoding.Latin1.GetString(_replies.Promise!.Greeting.Span);

    private string Offer => string.Join('|', _replies.Promise!.Offer.Keywords);

    private bool Probe(string reply) => _replies.NoteProbe("220 mta\r\n"u8, Encoding.Latin1.GetBytes(reply));

    private void Hear(string reply) => _replies.NoteEhlo(Encoding.Latin1.GetBytes(reply));
}
