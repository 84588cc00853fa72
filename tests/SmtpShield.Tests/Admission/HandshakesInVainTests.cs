using System.Net;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Admission;

public class HandshakesInVainTests
{
    private FakeTimeProvider _time = null!;
    private HandshakesInVain _inVain = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _inVain = new(new("smtps", new(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(60) } })), _time);
    }

    [Test]
    public void TryTell_SixthInAWindow_IsNotTold()
    {
        var told = Enumerable.Range(0, 10).Select(_ => _inVain.TryTell(Range(1))).ToArray();
        var other = _inVain.TryTell(Range(2));
        _time.Advance(TimeSpan.FromSeconds(59));
        var late = _inVain.TryTell(Range(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        var next = _inVain.TryTell(Range(1));

        Assert.That(told, Is.EqualTo(new[] { true, true, true, true, true, false, false, false, false, false }));
        Assert.That((other, late, next), Is.EqualTo((true, false, true)));
    }

    [Test]
    public void TooManyLeft_FiftyInAWindow_UntilItIsOver()
    {
        var counts = Enumerable.Range(0, HandshakesInVain.MostLeft + 1).Select(_ =>
        {
            _inVain.NoteLeft(Range(1));
            return _inVain.TooManyLeft(Range(1));
        }).ToArray();
        var other = _inVain.TooManyLeft(Range(2));
        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.That(counts, Is.EqualTo(new int[HandshakesInVain.MostLeft - 1].Concat([50, 51])));
        Assert.That((other, _inVain.TooManyLeft(Range(1)), _inVain.Count), Is.EqualTo((0, 0, 0)));
    }

    // Many clients behind one address: one of them that fails does not end TLS for the others.
    [TestCase(49, 50)]
    [TestCase(50, 0)]
    public void TooManyLeft_OfWhoFinishesAsMany_AreNone(int finished, int expected)
    {
        _inVain.NoteLeft(Range(1));
        for (var i = 0; i < finished; i++)
            _inVain.NoteFinished(Range(1));
        for (var i = 1; i < HandshakesInVain.MostLeft; i++)
            _inVain.NoteLeft(Range(1));

        Assert.That(_inVain.TooManyLeft(Range(1)), Is.EqualTo(expected));
    }

    [Test]
    public void NoteFinished_OfWhoHasLeftNone_IsNotRemembered()
    {
        _inVain.NoteFinished(Range(1));

        Assert.That(_inVain.Count, Is.Zero);
    }

    [Test]
    public void NoteLeft_ByMoreRangesThanAreRemembered_ForgetsTheOldest()
    {
        for (var i = 0; i < HandshakesInVain.MostLeft; i++)
            _inVain.NoteLeft(Range(0));
        for (var number = 1; number < HandshakesInVain.Capacity; number++)
            _inVain.NoteLeft(Range(number));
        var before = _inVain.TooManyLeft(Range(0));
        _inVain.NoteLeft(Range(HandshakesInVain.Capacity));

        Assert.That((before, _inVain.TooManyLeft(Range(0)), _inVain.Count), Is.EqualTo((50, 0, HandshakesInVain.Capacity)));
    }

    private static ClientRange Range(int number) => ClientRange.Of(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 32, 128);
}
