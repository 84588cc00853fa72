using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Limits;

public sealed class ClientHistoryTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private ClientHistory _history = null!;

    [SetUp]
    public void Create() => _history = new();

    [Test]
    public void Of_MoreEventsThanAreKept_IsTheLastOnesTheNewestFirst()
    {
        for (var i = 0; i < 3 * ClientPast.Kept + 1; i++)
            _history.Note(_client, Refusal(i));

        var past = _history.Of(_client)!;
        Assert.That(past.Events.Select(static noted => noted.Second), Is.EqualTo(Enumerable.Range((2 * ClientPast.Kept) + 1, ClientPast.Kept).Reverse()));
        Assert.That((past.First, past.Refused), Is.EqualTo((0, (3 * ClientPast.Kept) + 1)));
    }

    [Test]
    public void Refused_OfEventsOfAllKinds_IsWhatTheShieldRefused()
    {
        _history.Note(_client, Refusal(1));
        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1));
        _history.Note(_client, ClientEvent.OfHandshakes(50));
        _history.Note(_client, ClientEvent.OfTooManyErrors(20, 20));
        _history.Note(_client, ClientEvent.OfRelease());

        Assert.That((_history.RefusedTo(_client), _history.RefusedTo(_client with { Service = "submission" })), Is.EqualTo((3, 0)));
    }

    [Test]
    [Property("Operations", "OPS-12")]
    public void Note_OfAHundredThatCameAgain_OutlivesAMillionAddressesThatComeOnce()
    {
        for (var i = 0; i < 100; i++)
        {
            _history.Note(TestAnvil.Key(i), Refusal(0));
            _history.Note(TestAnvil.Key(i), Refusal(ClientHistory.Again));
        }

        for (var i = 0; i < 1_000_000; i++)
            _history.Note(TestAnvil.Key(100 + i), Refusal(ClientHistory.Again + i));

        Assert.That(Enumerable.Range(0, 100).Select(i => _history.RefusedTo(TestAnvil.Key(i))), Is.All.EqualTo(2));
        Assert.That((_history.Count, _history.Dropped), Is.EqualTo((ClientHistory.Capacity, 1_000_100L - ClientHistory.Capacity)));
    }

    // When all are steady the oldest of them goes, and those that follow it are not lost.
    [Test]
    public void Note_MoreSteadyOnesThanThereIsRoomFor_ForgetsTheOldestFirst()
    {
        for (var i = 0; i < 2 * ClientHistory.Capacity; i++)
        {
            _history.Note(TestAnvil.Key(i), Refusal(i));
            _history.Note(TestAnvil.Key(i), Refusal(i + ClientHistory.Again));
        }

        Assert.That(_history.Count, Is.EqualTo(ClientHistory.Capacity));
        Assert.That(_history.RefusedTo(TestAnvil.Key((2 * ClientHistory.Capacity) - 1)), Is.EqualTo(2));
        Assert.That(_history.RefusedTo(TestAnvil.Key(0)), Is.Zero);
    }

    [Test]
    public void Note_WhenItIsFull_AllocatesNothing()
    {
        for (var i = 0; i < 2 * ClientHistory.Capacity; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            _history.Note(TestAnvil.Key((3 * ClientHistory.Capacity) + i), Refusal(i));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Scan_OfMoreThanAtOnce_ShowsEachThatWasRefusedOnce()
    {
        for (var i = 0; i < 1500; i++)
            _history.Note(TestAnvil.Key(i), i % 3 == 0 ? ClientEvent.OfError(Verb.Rcpt, 550, 1) : Refusal(i));

        var seen = new List<AnvilKey>();
        _history.Scan((key, _) => seen.Add(key));

        Assert.That(seen, Is.EquivalentTo(Enumerable.Range(0, 1500).Where(static i => i % 3 != 0).Select(TestAnvil.Key)));
    }

    private static ClientEvent Refusal(int second) => ClientEvent.Of(new(ClientLimits.ConnectionRate, 6), 5, 421) with { Second = second };
}
