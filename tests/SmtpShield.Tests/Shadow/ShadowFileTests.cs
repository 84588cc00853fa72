using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Shadow;
using SmtpShield.State;
using SmtpShield.Testing.Outside;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.State;

namespace SmtpShield.Tests.Shadow;

/// <summary>The report of shadow over a restart.</summary>
[Property("Operations", "OPS-18")]
public sealed class ShadowFileTests
{
    private const string Rate = "smtpd_client_connection_rate_limit";
    private const string Errors = "smtpd_hard_error_limit";

    private readonly ShieldSnapshot _snapshot = new(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(60) } });
    private TestState _state = null!;

    private string File => _state.InIt("shadow");

    [SetUp]
    public void Create() => _state = new();

    [TearDown]
    public void Dispose() => _state.Dispose();

    [Test]
    public void Report_OverARestart_IsTheSame()
    {
        var before = Keep(static (book, anvil) =>
        {
            Happen(book, anvil);
            book.NoteHit(TestAnvil.Key(3), "mail.example.net", Rate, 9, 5);
            book.NoteMessage(TestAnvil.Key(3), Rate);
        });
        _state.Time.Advance(TimeSpan.FromHours(1));
        using var directory = _state.Open();
        var (book, file) = Open(directory);

        Assert.That(Described(book), Is.EqualTo(before).AsCollection);
        Assert.That(book.Of(TestAnvil.Key(3)).Select(static one => one.LastSecond), Is.EqualTo((int[])[-3600]), "an hour before this process began");
        Assert.That(file.Save() && _state.Lines.All(static line => line.Length == 0), Is.True);
    }

    /// <summary>Counting goes on: who was counted is not counted again, and a window that lasts is no new one.</summary>
    [TestCase(10)]
    [TestCase(DistinctClients.MostExact + 500)]
    public void Hits_BehindARestart_AreOfTheSameClientsAndWindows(int clients)
    {
        Keep((book, anvil) => Hit(book, clients));
        _state.Time.Advance(TimeSpan.FromSeconds(60));
        using var directory = _state.Open();
        // And behind another one.
        Assert.That(Open(directory).File.Save(), Is.True);
        var (book, _) = Open(directory);
        var before = TestShadow.Of(book, Errors);
        Hit(book, clients);
        Assert.That(TestShadow.Of(book, Errors), Is.EqualTo(before with { Hits = 2 * clients }));
        Assert.That(book.Summarize(1).Clients, Is.EqualTo(clients).Within(5).Percent);

        _state.Time.Advance(TimeSpan.FromSeconds(61));
        Hit(book, clients);
        Assert.That(TestShadow.Of(book, Errors), Is.EqualTo(before with { Hits = 3 * clients, FirstHits = 2 * clients }));
        Hit(book, 3 * clients);
        Assert.That(TestShadow.Of(book, Errors).Clients, Is.EqualTo(3 * clients).Within(5).Percent);
    }

    [Test]
    public void Hits_BehindARestartAndAWindow_AreFirstOnes()
    {
        Keep(static (book, _) => Hit(book, 1));
        _state.Time.Advance(TimeSpan.FromSeconds(61));
        using var directory = _state.Open();
        var (book, _) = Open(directory);
        Hit(book, 1);
        Assert.That(TestShadow.Of(book, Errors).FirstHits, Is.EqualTo(2));
    }

    /// <summary>As many clients as there may be: nobody is lost, and who was hit least recently still goes first.</summary>
    [Test]
    public void Clients_AsManyAsThereMayBe_AreAllThereAfterwards()
    {
        Keep((book, anvil) =>
        {
            for (var i = 0; i < ShadowBook.Capacity + 10; i++)
            {
                if (i == ShadowBook.Capacity)
                    _state.Time.Advance(TimeSpan.FromSeconds(1));
                book.NoteHit(TestAnvil.Key(i), "unknown", Errors, 20, 20);
            }
        });
        using var directory = _state.Open();
        var (book, _) = Open(directory);
        Assert.That((book.Keep().Clients.Count, book.Summarize(1).Dropped), Is.EqualTo((ShadowBook.Capacity, 10L)));
        book.NoteHit(TestAnvil.Key(1_000_000), "unknown", Errors, 20, 20);
        Assert.That((book.Of(TestAnvil.Key(ShadowBook.Capacity + 9)).Count, book.Keep().Clients.Count, book.Summarize(1).Dropped),
            Is.EqualTo((1, ShadowBook.Capacity, 11L)));
    }

    /// <summary>Whatever a file has in it that is none, the report begins anew, and the file is put aside for somebody to look at.</summary>
    [TestCase("cut behind a line", "not used: its end is missing; it is shadow.bad now")]
    [TestCase("cut in a line", "not used: line 4 is not understood; it is shadow.bad now")]
    [TestCase("another version", "not used: line 1 is not understood; it is shadow.bad now")]
    [TestCase("garbage", "not used: line 1 is not understood; it is shadow.bad now")]
    [TestCase("a rule nobody knows", "not used: line 3 is not understood; it is shadow.bad now")]
    [TestCase("a rule twice", "not used: line 4 is not understood; it is shadow.bad now")]
    [TestCase("a client twice", "not used: line 5 is not understood; it is shadow.bad now")]
    [TestCase("a service twice", "not used: line 5 is not understood; it is shadow.bad now")]
    [TestCase("more behind the end", "not used: line 6 is not understood; it is shadow.bad now")]
    [TestCase("a negative count", "not used: line 3 is not understood; it is shadow.bad now")]
    public void File_ThatIsNone_IsPutAsideAndSaid(string how, string said)
    {
        Keep(static (book, _) => book.NoteHit(TestAnvil.Key(1), "mail \"x\" \\ y", Errors, 20, 20));
        var lines = System.IO.File.ReadAllLines(File);
        Assert.That(lines, Has.Length.EqualTo(5));
        System.IO.File.WriteAllText(File, string.Join('\n', (string[])(how switch
        {
            "cut behind a line" => lines[..4],
            "cut in a line" => [.. lines[..3], lines[3][..^4]],
            "another version" => ["shadow 2", .. lines[1..]],
            "garbage" => [new('\u0001', 5000), .. lines],
            "a rule nobody knows" => [.. lines[..2], lines[2].Replace(Errors, "smtpd_rule", StringComparison.Ordinal), .. lines[3..]],
            "a rule twice" => [.. lines[..3], lines[2], .. lines[3..]],
            "a client twice" => [.. lines[..4], lines[3], lines[4]],
            "a service twice" => [.. lines[..4], .. lines[1..]],
            "more behind the end" => [.. lines, lines[3]],
            _ => [.. lines[..2], lines[2].Replace(" 1 1 0 ", " -1 1 0 ", StringComparison.Ordinal), .. lines[3..]],
        })) + "\n");
        var bad = System.IO.File.ReadAllText(File);

        using var directory = _state.Open();
        var (book, file) = Open(directory);
        Assert.That((book.Keep().Clients.Count, TestShadow.Of(book, Errors).Hits, System.IO.File.Exists(File)), Is.EqualTo((0, 0L, false)));
        Assert.That(_state.Lines, Is.EqualTo((string[])[$"{File}: {said}"]));
        Assert.That(System.IO.File.ReadAllText(File + ".bad"), Is.EqualTo(bad));
        Assert.That(file.Save() && System.IO.File.Exists(File), Is.True);
    }

    /// <summary>Each octet of a file may be another one: whatever is read then, nothing fails.</summary>
    [Test]
    public void File_WithAnyOctetChanged_IsReadOrPutAside()
    {
        Keep(static (book, anvil) => Happen(book, anvil));
        var octets = System.IO.File.ReadAllBytes(File);
        using var directory = _state.Open();
        for (var i = 0; i < octets.Length; i++)
        {
            var changed = (byte[])octets.Clone();
            changed[i] ^= (byte)(1 + i % 255);
            System.IO.File.WriteAllBytes(File, changed);
            Assert.That(() => Open(directory), Throws.Nothing, $"octet {i}");
        }
    }

    [Test]
    public void File_OfAServiceThatIsGone_IsNotItsReport()
    {
        Keep(static (book, _) => book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20));
        System.IO.File.WriteAllText(File, System.IO.File.ReadAllText(File).Replace("service smtp ", "service relay ", StringComparison.Ordinal));
        using var directory = _state.Open();
        var (book, _) = Open(directory);
        Assert.That((TestShadow.Of(book, Errors).Hits, _state.Lines.Any()), Is.EqualTo((0L, false)));
    }

    /// <summary>Where the clock was set back, nothing is of later than now.</summary>
    [Test]
    public void Report_WithTheClockSetBack_IsOfNow()
    {
        Keep(static (book, _) => book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20));
        var file = System.IO.File.ReadAllText(File);
        var second = _state.Time.GetUtcNow().ToUnixTimeSeconds();
        System.IO.File.WriteAllText(File, file.Replace($"{second}", $"{second + 100_000}", StringComparison.Ordinal));
        using var directory = _state.Open();
        var (book, _) = Open(directory);
        Assert.That((book.Summarize(1).Since, book.Of(TestAnvil.Key(1))[0].LastSecond), Is.EqualTo((_state.Time.GetUtcNow(), 0)));
    }

    /// <summary>What has happened since the last hour is on the disk at the end, also what sessions did that lasted longer.</summary>
    [Test]
    public async Task Stop_Report_IsWrittenAndOnceMoreWithTheDirectory()
    {
        using var directory = _state.Open();
        var (book, file) = Open(directory);
        book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20);
        await file.StopAsync(CancellationToken.None);
        Assert.That(System.IO.File.ReadAllText(File), Does.Contain("client ").And.Contain($" {Errors}:20:1:1:"));
        book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20);
        await directory.StopAsync(CancellationToken.None);
        Assert.That(System.IO.File.ReadAllText(File), Does.Contain($" {Errors}:20:2:1:"));
    }

    /// <summary>A crash takes a minute: what there is is written when a minute is over, and not again while nothing happens.</summary>
    [Test]
    public void SaveInTurn_Report_IsWrittenWhereSomethingHasHappened()
    {
        using var directory = _state.Open();
        var (book, file) = Open(directory);
        file.SaveInTurn();
        System.IO.File.Delete(File);
        file.SaveInTurn();
        Assert.That(System.IO.File.Exists(File), Is.False, "nothing has happened");

        foreach (var happen in (Action[])[
            () => book.NoteSeen(TestAnvil.Key(1)), () => book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20), book.NoteAfter,
            () => book.NoteDelay(TimeSpan.FromSeconds(1)), () => book.NoteMessage(TestAnvil.Key(1), rule: null), book.Reset])
        {
            happen();
            file.SaveInTurn();
            Assert.That(System.IO.File.Exists(File), Is.True);
            System.IO.File.Delete(File);
            file.SaveInTurn();
            Assert.That(System.IO.File.Exists(File), Is.False);
        }
    }

    /// <summary>The host's own turns come each minute.</summary>
    [Test, CancelAfter(120_000)]
    public async Task Report_WhenAMinuteIsOver_IsWritten(CancellationToken cancellationToken)
    {
        using var directory = _state.Open();
        var (book, file) = Open(directory);
        book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20);
        await file.StartAsync(cancellationToken);
        await Eventually.HoldsAsync(() => _state.Time.ActiveTimers > 0, TimeSpan.FromSeconds(50), "the turns have begun", cancellationToken);
        _state.Time.Advance(TimeSpan.FromMinutes(1));
        await Eventually.HoldsAsync(() => System.IO.File.Exists(File), TimeSpan.FromSeconds(50), "it is written", cancellationToken);
        await file.StopAsync(CancellationToken.None);
    }

    private static void Happen(ShadowBook book, AnvilTable anvil)
    {
        anvil.Delivering.Note(TestAnvil.Key(2).Client);
        book.NoteSeen(TestAnvil.Key(1));
        book.NoteSeen(TestAnvil.Key(2));
        book.NoteAfter();
        book.NoteDelay(TimeSpan.FromSeconds(3));
        book.NoteHit(TestAnvil.Key(1), "unknown", Rate, 6, 5);
        book.NoteHit(TestAnvil.Key(1), "unknown", Errors, 20, 20);
        book.NoteHit(new("smtp", ClientRange.Of(IPAddress.Parse("2001:db8::7"), 32, 64)), "mail.example.org", Errors, 20, 20);
    }

    private static void Hit(ShadowBook book, int clients)
    {
        for (var i = 0; i < clients; i++)
        {
            book.NoteSeen(TestAnvil.Key(i));
            book.NoteHit(TestAnvil.Key(i), "unknown", Errors, 20, 20);
        }
    }

    private static List<string> Described(ShadowBook book)
    {
        var all = book.Summarize(100);
        return
        [
            $"{all with { Rules = [], Candidates = [] }}", .. all.Rules.Select(static rule => $"{rule}"), .. all.Candidates.Select(static one => $"{one}"),
        ];
    }

    private List<string> Keep(Action<ShadowBook, AnvilTable> happen)
    {
        using var directory = _state.Open();
        var anvil = TestAnvil.Table(_snapshot, _state.Time);
        var book = TestShadow.Book(_snapshot, anvil, _state.Time);
        var file = new ShadowFile(_snapshot, _ => book, directory, _state.Time);
        happen(book, anvil);
        Assert.That(file.Save(), Is.True);
        return Described(book);
    }

    private (ShadowBook Book, ShadowFile File) Open(StateDirectory directory)
    {
        var book = TestShadow.Book(_snapshot, TestAnvil.Table(_snapshot, _state.Time), _state.Time);
        return (book, new(_snapshot, _ => book, directory, _state.Time));
    }
}
