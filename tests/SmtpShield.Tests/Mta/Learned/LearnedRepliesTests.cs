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

    private string Greeting => Encoding.Latin1.GetString(_replies.Promise!.Greeting.Span);

    private string Offer => string.Join('|', _replies.Promise!.Offer.Keywords);

    private void Hear(string reply) => _replies.NoteEhlo(Encoding.Latin1.GetBytes(reply));
}
