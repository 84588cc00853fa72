using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

/// <summary>What the table says of a client when it is only looked at.</summary>
public sealed class AnvilRecordTests
{
    private const int Limit = 5;

    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private static readonly SmtpdLimitOptions _limits = new()
    {
        ClientConnectionCountLimit = 0, ClientConnectionRateLimit = Limit, ClientMessageRateLimit = Limit, ClientRecipientRateLimit = Limit,
        ClientNewTlsSessionRateLimit = Limit, ClientAuthRateLimit = Limit, ClientErrorRateLimit = Limit, ClientAuthFailureRateLimit = Limit,
    };

    private FakeTimeProvider _time = null!;
    private AnvilTable _table = null!;

    private static IEnumerable<TestCaseData> Cases =>
        from limit in ClientLimits.All
        where !limit.IsOnOpenConnections
        from window in Enum.GetValues<RateWindow>()
        from isOpen in (bool[])[false, true]
        from seed in Enumerable.Range(1, 12)
        select new TestCaseData(limit.Parameter, window, isOpen, seed);

    // Each of the three plays the same, on a table of its own: an attempt is an event.
    [TestCaseSource(nameof(Cases))]
    [Property("Operations", "OPS-9")]
    public void FirstSecondWithin_OfEachRuleAndWindow_IsRefusedOneSecondBeforeAndServedThen(string parameter, RateWindow window, bool isOpen, int seed)
    {
        var limit = ClientLimits.All.Single(row => row.Parameter == parameter);
        Play(limit, window, isOpen, seed);
        var record = _table.Look(_client)!.Value;
        Assert.That(limit.RefusesNext(limit.CountIn(record.Counts), Limit), Is.True, "it is limited");
        var seconds = record.FirstSecondWithin(limit, Limit) - _table.Second;
        Assert.That(seconds, Is.GreaterThan(0));

        Play(limit, window, isOpen, seed);
        _time.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.That(IsRefused(limit), Is.True, "one second before");

        Play(limit, window, isOpen, seed);
        _time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.That(IsRefused(limit), Is.False, "then");
    }

    [Test]
    public void Look_AtAClientThatIsNotThere_IsNothingAndMakesNoRecord()
    {
        Create(RateWindow.Fixed);

        Assert.That((_table.Look(_client), _table.Release(_client), _table.Size), Is.EqualTo(((AnvilRecord?)null, (AnvilRecord?)null, 0)));
    }

    [Test]
    [Property("Operations", "OPS-13")]
    public void Reset_OfAClientWithOpenConnections_LeavesThoseAndNothingElse()
    {
        Create(RateWindow.Fixed);
        for (var i = 0; i < 3; i++)
            _table.Connect(_client);
        _table.Disconnect(_client);
        _table.Count(_client, AnvilEvent.Message);
        _table.Connect(TestAnvil.Key("192.0.2.8"));

        var before = _table.Release(_client)!.Value;

        Assert.Multiple(() =>
        {
            Assert.That(before.Counts, Is.EqualTo(TestAnvil.Counts(2, 3, messages: 1)));
            Assert.That(_table.Peek(_client), Is.EqualTo(TestAnvil.Counts(2, 0)));
            Assert.That(_table.Peek(TestAnvil.Key("192.0.2.8")), Is.EqualTo(TestAnvil.Counts(1, 1)));
            Assert.That(_table.Connect(_client), Is.EqualTo(TestAnvil.Counts(3, 1)));
        });
    }

    [Test]
    public void Reset_InASlidingWindow_ForgetsTheWindowBeforeToo()
    {
        Create(RateWindow.Sliding);
        _table.Connect(_client);
        _time.Advance(TimeSpan.FromSeconds(61));
        _table.Connect(_client);

        _table.Release(_client);

        Assert.That(_table.Connect(_client).ConnectionRate, Is.EqualTo(1));
    }

    // Nothing is locked while records are looked at, or this would wait for itself.
    [Test, CancelAfter(20_000)]
    [Property("Operations", "OPS-7")]
    public void Scan_WhileEventsGoOn_ShowsEachRecordThatWasThereOnce()
    {
        Create(RateWindow.Fixed);
        for (var i = 0; i < 5000; i++)
            _table.Connect(TestAnvil.Key(i));
        for (var i = 0; i < 5000; i += 7)
            _table.Disconnect(TestAnvil.Key(i));
        _time.Advance(TimeSpan.FromSeconds(61));
        _table.RemoveExpired();

        var seen = new List<string>();
        _table.Scan((records, _, _) =>
        {
            foreach (var record in records)
            {
                if (!record.IsFree)
                    seen.Add($"{record.Client}");
            }

            Task.Run(() =>
            {
                for (var i = 1; i < 200; i++)
                    _table.Count(TestAnvil.Key(i), AnvilEvent.Message);
            }).GetAwaiter().GetResult();
        });

        var expected = Enumerable.Range(0, 5000).Where(static i => i % 7 != 0).Select(static i => $"{TestAnvil.Key(i).Client}").ToList();
        Assert.That(seen, Is.SupersetOf(expected).And.Unique);
    }

    [TestCase(1), TestCase(2), TestCase(3)]
    [Property("Operations", "OPS-6")]
    public void Scan_InParts_ShowsEachRecordInOneOfThem(int parts)
    {
        Create(RateWindow.Fixed);
        for (var i = 0; i < 5000; i++)
            _table.Connect(TestAnvil.Key(i));

        var seen = new List<string>[parts];
        for (var part = 0; part < parts; part++)
        {
            var its = seen[part] = [];
            _table.Scan(
                (records, _, _) =>
                {
                    foreach (var record in records)
                    {
                        if (!record.IsFree)
                            its.Add($"{record.Client}");
                    }
                },
                part,
                parts);
        }

        Assert.That(seen, Is.All.Not.Empty);
        Assert.That(seen.SelectMany(static its => its), Is.EquivalentTo(Enumerable.Range(0, 5000).Select(static i => $"{TestAnvil.Key(i).Client}")));
    }

    // What is played is random, but the same for a seed: bursts, pauses, all within some windows, until the limit is reached.
    private void Play(ClientLimit limit, RateWindow window, bool isOpen, int seed)
    {
        Create(window);
        var random = new Random(seed);
        _table.Connect(_client);
        if (!isOpen)
            _table.Disconnect(_client);
        for (var i = 0; i < 200; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(0, 9000)));
            if (limit.Event is { } kind)
                _table.Count(_client, kind);
            else
                _table.Connect(_client);
            if (!isOpen)
                _table.Disconnect(_client);
            if (i >= Limit && limit.RefusesNext(limit.CountIn(_table.Peek(_client)), Limit))
                break;
        }

        if (!isOpen)
            _table.Disconnect(_client);
    }

    private bool IsRefused(ClientLimit limit)
    {
        if (!limit.CountsBeforeJudging)
            return limit.Judge(_table.Peek(_client), _limits) is not null;
        var count = limit.Event is { } kind ? _table.Count(_client, kind) : _table.Connect(_client).ConnectionRate;
        return limit.Judge(count, _limits) is not null;
    }

    private void Create(RateWindow window)
    {
        _time = new();
        _table = TestAnvil.Table(new ShieldSnapshot(new() { Limits = _limits, Anvil = new() { RateWindow = window } }), _time);
    }
}
