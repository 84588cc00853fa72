using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Limits;

public sealed class ClientHistoryTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private const int Capacity = 16384;

    private ClientHistory _history = null!;
    private int _capacity;

    [SetUp]
    public void Create()
    {
        _capacity = Capacity;
        _history = new(() => _capacity);
    }

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

    // The ring has only the last twelve of 143 refusals; since when the limit refuses is kept beside it.
    [Test]
    public void Since_OfMoreRefusalsThanAreKept_IsTheFirstOfThisWindow()
    {
        for (var count = 61; count <= 70; count++)
            _history.Note(_client, Hit(ClientLimits.ConnectionRate, count - 61, count), overEnd: 600);
        for (var count = 61; count <= 203; count++)
            _history.Note(_client, Hit(ClientLimits.ConnectionRate, 600 + count, count), overEnd: 1200);

        Assert.That(Since(ClientLimits.ConnectionRate, 1199), Is.EqualTo(661));
        Assert.That(Since(ClientLimits.ConnectionRate, 1200), Is.Null, "the next window, in which nothing was refused");
        Assert.That(Since(ClientLimits.Message, 1199), Is.Null);
    }

    [Test]
    public void Since_OfARoomUsedAgain_IsNotThatOfWhoHadItBefore()
    {
        _capacity = 1;
        _history = new(() => _capacity);
        _history.Note(TestAnvil.Key(1), Hit(ClientLimits.ConnectionRate, 700, 61), overEnd: 800);
        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1) with { Second = 701 });

        Assert.That((Since(ClientLimits.ConnectionRate, 702), _history.Of(TestAnvil.Key(1))), Is.EqualTo(((int?)null, (PastView?)null)));
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
        Assert.That((_history.Count, _history.Dropped), Is.EqualTo((Capacity, 1_000_100L - Capacity)));
    }

    // 256 octets each, which are 16 MiB for the 65,536 there may be by default; indices, chunks and the MTA's replies included.
    [Test]
    [Property("Operations", "OPS-12")]
    public void Memory_OfAFullOneWithAllEventsAndReplies_IsBelow256OctetsAClient()
    {
        const int Default = 65_536;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var history = new ClientHistory(static () => Default);
        for (var i = 0; i < 3 * Default; i++)
        {
            for (var number = 0; number <= ClientPast.Kept; number++)
                history.Note(TestAnvil.Key(i), ClientEvent.OfError(Verb.Rcpt, 550, number));
            history.NoteReply(TestAnvil.Key(i), "550 5.1.1 User unknown"u8);
        }

        // What was allocated on the way, as tables grew, included.
        Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / Default, Is.LessThan(256));
        Assert.That(history.Count, Is.EqualTo(Default));
    }

    // When all are steady the oldest of them goes, and those that follow it are not lost.
    [Test]
    public void Note_MoreSteadyOnesThanThereIsRoomFor_ForgetsTheOldestFirst()
    {
        for (var i = 0; i < 2 * Capacity; i++)
        {
            _history.Note(TestAnvil.Key(i), Refusal(i));
            _history.Note(TestAnvil.Key(i), Refusal(i + ClientHistory.Again));
        }

        Assert.That(_history.Count, Is.EqualTo(Capacity));
        Assert.That(_history.RefusedTo(TestAnvil.Key((2 * Capacity) - 1)), Is.EqualTo(2));
        Assert.That(_history.RefusedTo(TestAnvil.Key(0)), Is.Zero);
    }

    [Test]
    public void Note_WhenItIsFull_AllocatesNothing()
    {
        for (var i = 0; i < 2 * Capacity; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            _history.Note(TestAnvil.Key((3 * Capacity) + i), Refusal(i));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Capacity_ThatIsLowered_IsReachedAsClientsCome()
    {
        for (var i = 0; i < Capacity * 2; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));
        _capacity = Capacity / 4;
        for (var i = 0; i < Capacity * 4; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));

        Assert.That((_history.Count, _history.Capacity), Is.EqualTo((Capacity / 4, Capacity / 4)));
        _capacity = Capacity;
        for (var i = 0; i < Capacity * 4; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));
        Assert.That(_history.Count, Is.EqualTo(Capacity));
    }

    [Test]
    public void Refusals_OfSeveralRules_AreCountedByRuleTheMostFrequentFirst()
    {
        for (var i = 0; i < 3; i++)
            _history.Note(_client, Refusal(i));
        _history.Note(_client, ClientEvent.Of(new(ClientLimits.Message, 6), 5, 450));
        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1));
        _history.Note(_client, ClientEvent.OfTooManyErrors(20, 20));
        _history.Note(_client, ClientEvent.OfTooManyErrors(20, 20));

        Assert.That(_history.Of(_client)!.Refusals.Select(static one => (one.Kind, one.Rule?.Parameter, one.Count)), Is.EqualTo(new[]
        {
            (ClientEventKind.Limit, "smtpd_client_connection_rate_limit", 3),
            (ClientEventKind.TooManyErrors, null, 2),
            (ClientEventKind.Limit, "smtpd_client_message_rate_limit", 1),
        }));
    }

    [Test]
    public void Reply_OfTheMta_IsTheLastOneCutAndPrintable()
    {
        _history.NoteReply(_client, "550 nobody"u8);
        Assert.That(_history.Of(_client), Is.Null, "there is no event");

        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1));
        Assert.That(_history.Of(_client)!.Reply, Is.Null);
        _history.NoteReply(_client, "550 first"u8);
        _history.NoteReply(_client, "550 \u001B[31m\u202E\n"u8);
        Assert.That(_history.Of(_client)!.Reply, Is.EqualTo("550 ?[31m????"));

        byte[] line = [.. Enumerable.Repeat((byte)'x', RefusingReplies.Longest + 1)];
        _history.NoteReply(_client, line);
        Assert.That(_history.Of(_client)!.Reply, Is.EqualTo(new string('x', RefusingReplies.Longest)));
    }

    [Test]
    [Property("Operations", "OPS-12")]
    public void Reply_OfMoreClientsThanAreKept_IsThatOfTheNewest()
    {
        for (var i = 0; i < 2 * ClientHistory.Replies; i++)
        {
            _history.Note(TestAnvil.Key(i), ClientEvent.OfError(Verb.Rcpt, 550, 1));
            _history.NoteReply(TestAnvil.Key(i), "550 no"u8);
        }

        var kept = Enumerable.Range(0, 2 * ClientHistory.Replies).Where(i => _history.Of(TestAnvil.Key(i))!.Reply is not null).ToList();
        Assert.That(kept, Has.Count.EqualTo(ClientHistory.Replies));
        Assert.That(kept, Does.Contain((2 * ClientHistory.Replies) - 1).And.Not.Contain(0));
    }

    // A slot whose client was forgotten is nobody's, until another one gets it.
    [Test]
    public void Reply_OfAClientThatWasForgotten_IsNotItsWhenItComesAgain()
    {
        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1));
        _history.NoteReply(_client, "550 no"u8);
        for (var i = 0; i < 3 * Capacity; i++)
            _history.Note(TestAnvil.Key(i), Refusal(i));
        _history.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 1));

        Assert.That(_history.Of(_client)!.Reply, Is.Null);
        for (var i = 0; i < ClientHistory.Replies * 2; i++)
        {
            _history.Note(TestAnvil.Key(i), Refusal(i));
            _history.NoteReply(TestAnvil.Key(i), "550 others"u8);
        }

        Assert.That(_history.Of(_client)!.Reply, Is.Null);
    }

    [Test, CancelAfter(60_000)]
    public async Task Note_OfManyThreads_LosesNothing(CancellationToken cancellationToken)
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                for (var i = 0; i < 20_000; i++)
                    _history.Note(TestAnvil.Key(i % 1000), Refusal(0));
            },
            cancellationToken)));

        Assert.That(Enumerable.Range(0, 1000).Select(i => _history.RefusedTo(TestAnvil.Key(i))), Is.All.EqualTo(80));
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

    private int? Since(ClientLimit limit, int second) => _history.Of(_client)!.Runs.Since(limit, second);

    private static ClientEvent Hit(ClientLimit limit, int second, int count) => ClientEvent.Of(new(limit, count), 60, 421) with { Second = second };

    private static ClientEvent Refusal(int second) => ClientEvent.Of(new(ClientLimits.ConnectionRate, 6), 5, 421) with { Second = second };
}
