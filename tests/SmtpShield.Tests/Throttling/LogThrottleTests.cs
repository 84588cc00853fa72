using SmtpShield.Observe;
using SmtpShield.Session;

namespace SmtpShield.Tests.Throttling;

/// <summary><c>shield_log_client_limit</c>, and what all clients together may have of the log.</summary>
[NonParallelizable]
public class LogThrottleTests
{
    private const string Client = "192.0.2.1";
    private const string Name = "unknown[192.0.2.1]";

    private FloodedLog _log = null!;

    [SetUp]
    public void Create() => _log = new();

    [Test]
    public void Log_ClientBelowItsLimit_HasEachLineWhenItComes()
    {
        for (var i = 1; i <= 10; i++)
        {
            _log.Lines.Clear();
            _log.Connect(Client, connection =>
            {
                Assert.That(_log.Lines, Is.EqualTo(new[] { $"connect from {Name}" }));
                RelayLog.Rejected(connection.Through(_log), "RCPT", Name, "550 5.1.1 no", "from=<a@x>");
                Assert.That(_log.Lines, Has.Count.EqualTo(2));
                connection.EndWith(new(SessionEndReason.ClientLost, "RCPT"));
            });

            Assert.That(_log.Lines[1..], Is.EqualTo(
                new[] { $"NOQUEUE: reject: RCPT from {Name}: 550 5.1.1 no; from=<a@x>", $"lost connection after RCPT from {Name}", Disconnect }));
        }
    }

    [Test]
    public void Log_ConnectionsRefused_HasTenTheLastAndTheNumberOfTheOthers()
    {
        for (var i = 1; i <= 100; i++)
            _log.Refuse(Client, i);
        Assert.That(_log.Lines, Is.EqualTo(Enumerable.Range(1, 10).SelectMany(i => new[] { $"connect from {Name}", Exceeded(i), Disconnect })));

        _log.Lines.Clear();
        _log.Advance(59);
        Assert.That(_log.Lines, Is.Empty);
        _log.Advance();
        Assert.That(_log.Lines, Is.EqualTo(new[] { Exceeded(100), $"suppressed 269 log lines about {Name}" }));
        _log.Lines.Clear();
        _log.Refuse(Client, 101);
        Assert.That(_log.Lines, Is.EqualTo(new[] { $"connect from {Name}", Exceeded(101), Disconnect }), "a new minute");
    }

    [Test]
    public void Log_SessionsWithoutMail_HasTheLastOnesOwnLine()
    {
        for (var i = 1; i <= 10; i++)
            _log.Lose(Client);
        _log.Lines.Clear();
        _log.Lose(Client, "AUTH");
        _log.Lose(Client, "RCPT");
        Assert.That(_log.Lines, Is.Empty);

        _log.Advance(60);
        Assert.That(_log.Lines, Is.EqualTo(new[] { $"lost connection after RCPT from {Name}", $"suppressed 5 log lines about {Name}" }));
    }

    [Test]
    public void Log_ManyRejectsInASession_HasTenTheLastAndTheNumberOfTheOthers()
    {
        _log.Reject(Client, 50);
        Assert.That(_log.Lines, Is.EqualTo((string[])
            [$"connect from {Name}", .. Enumerable.Range(1, 10).Select(Rejected), Disconnect]));

        _log.Lines.Clear();
        _log.Advance(60);
        Assert.That(_log.Lines, Is.EqualTo(new[] { Rejected(50), $"suppressed 39 log lines about {Name}" }));
    }

    // FLOOD-1
    [Test, Property("Hazard", "FLOOD-1")]
    public void Log_SixtyClientsThatReconnect_HasAtMostThirtyFourLinesOfEachAMinute()
    {
        for (var tick = 0; tick < 60; tick++)
        {
            for (var n = 1; n <= 20; n++)
            {
                for (var client = 1; client <= 60; client++)
                    _log.Refuse($"192.0.2.{client}", 20 * tick + n);
            }
            if (tick < 59)
                _log.Advance();
        }
        _log.Stop();

        var lines = Enumerable.Range(1, 60).Select(client => _log.Lines.Where(line => line.Contains($"unknown[192.0.2.{client}]")).ToList()).ToList();
        Assert.That(lines.Select(static ofOne => ofOne.Count), Is.All.EqualTo(10 * 3 + 2));
        Assert.That(lines.Select(static ofOne => FloodedLog.Told(ofOne) + FloodedLog.LeftOut(ofOne)), Is.All.EqualTo(3 * 60 * 20));
        Assert.That(_log.Lines, Has.Count.EqualTo(60 * 32));
    }

    // FLOOD-3
    [Test, Property("Hazard", "FLOOD-3")]
    public void Log_HundredThousandAddressesOnce_IsBoundedInEachSecondAndInMemory()
    {
        var longest = 0;
        long told = 0, leftOut = 0;
        var summaries = new List<int>();
        var memory = 0L;
        for (var second = 0; second < 100; second++)
        {
            for (var i = 0; i < 1000; i++)
            {
                var number = 1000 * second + i;
                _log.Lose($"10.{number / 65536}.{number / 256 % 256}.{number % 256}");
            }
            _log.Advance();
            // The burst is used up within two seconds.
            if (second >= 2)
                longest = Math.Max(longest, _log.Lines.Count);
            told += FloodedLog.Told(_log.Lines);
            leftOut += FloodedLog.LeftOut(_log.Lines);
            if (_log.Lines.Exists(static line => line.EndsWith(" clients", StringComparison.Ordinal)))
                summaries.Add(second + 1);
            _log.Lines.Clear();
            if (second is 70 or 99)
                memory = GC.GetTotalMemory(forceFullCollection: true) - memory;
        }
        _log.Stop();
        leftOut += FloodedLog.LeftOut(_log.Lines);

        TestContext.Out.WriteLine($"{longest} lines a second, {told} told, {leftOut} left out, {memory} octets more");
        Assert.That(longest, Is.InRange(250, 300));
        Assert.That(summaries, Is.EqualTo(Enumerable.Range(1, 10).Select(static ten => 10 * ten)));
        Assert.That(told + leftOut, Is.EqualTo(3 * _log.Connections));
        Assert.That(memory, Is.LessThan(1_000_000));
    }

    [Test]
    public void Log_AddressesAtOnce_SaysHowManyClientsWereLeftOut()
    {
        for (var i = 0; i < 1500; i++)
            _log.Lose($"10.1.{i / 250}.{i % 250}");
        Assert.That(_log.Lines, Has.Count.EqualTo(4500));
        _log.Lines.Clear();
        for (var i = 0; i < 60; i++)
            _log.Lose($"10.2.0.{i}");
        Assert.That(_log.Lines, Is.EqualTo(Enumerable.Range(0, 50).Select(static i => $"lost connection after EHLO from unknown[10.2.0.{i}]")));
        for (var i = 50; i < 60; i++)
            _log.Lose($"10.2.0.{i}");

        _log.Lines.Clear();
        _log.Advance(10);
        Assert.That(_log.Lines, Is.EqualTo(new[] { $"suppressed {2 * 50 + 3 * 20} log lines about 60 clients" }));
    }

    // FLOOD-4
    [Test, Property("Hazard", "FLOOD-4")]
    public void Log_LoginsBehindRefusedConnections_HasEachOfThem()
    {
        for (var i = 1; i <= 1000; i++)
            _log.Refuse(Client, i);
        for (var i = 1; i <= 5; i++)
            _log.FailLogin(Client);

        Assert.That(_log.Lines.Count(static line => line.Contains("authentication failed", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(_log.Lines.TakeLast(4), Is.EqualTo(new[]
        {
            $"connect from {Name}", $"{Name}: SASL LOGIN authentication failed: 535 5.7.8 no", $"lost connection after AUTH from {Name}", Disconnect,
        }));
    }

    [Test]
    public void Log_SessionThatDelivers_IsWholeWhateverItsClientDidBefore()
    {
        for (var i = 1; i <= 100; i++)
        {
            _log.Refuse(Client, i);
            _log.Lose(Client);
        }
        _log.Lines.Clear();
        for (var i = 1; i <= 100; i++)
            _log.Deliver(Client);

        Assert.That(_log.Lines, Is.EqualTo(
            Enumerable.Repeat((string[])[$"connect from {Name}", $"NOQUEUE: client={Name}", Disconnect], 100).SelectMany(static lines => lines)));
    }

    [Test]
    public void Log_SessionsThatDeliver_UseNoBudgetUp()
    {
        for (var i = 0; i < 5000; i++)
            _log.Deliver($"192.0.2.{i % 200}");
        _log.Lines.Clear();
        _log.Lose(Client);

        Assert.That(_log.Lines, Has.Count.EqualTo(3));
    }

    // FLOOD-6
    [Test, Property("Hazard", "FLOOD-6")]
    public void Log_LimitChangedInMidMinute_HoldsFromTheNextEventOn()
    {
        for (var i = 1; i <= 20; i++)
            _log.Refuse(Client, i);
        _log.SetLimit(12);
        for (var i = 21; i <= 30; i++)
            _log.Refuse(Client, i);
        _log.SetLimit(5);
        _log.Refuse(Client, 31);
        Assert.That(_log.Lines.Where(static line => line.Contains("exceeded", StringComparison.Ordinal)),
            Is.EqualTo((int[])[.. Enumerable.Range(1, 10), 21, 22]).Using<string, int>(static (line, i) => line == Exceeded(i)));
        _log.SetLimit(0);
        _log.Refuse(Client, 32);
        Assert.That(_log.Lines.TakeLast(3), Is.EqualTo(new[] { $"connect from {Name}", Exceeded(32), Disconnect }));

        _log.Lines.Clear();
        _log.Advance(60);
        Assert.That(_log.Lines, Is.EqualTo(new[] { Exceeded(31), $"suppressed {3 * 19 - 1} log lines about {Name}" }));
    }

    [TestCase(1), TestCase(-1), Property("Hazard", "FLOOD-6")]
    public void Log_WallClockSteps_TheMinuteIsAMinute(int days)
    {
        for (var i = 1; i <= 20; i++)
            _log.Refuse(Client, i);
        _log.Lines.Clear();
        _log.Clock.Step = TimeSpan.FromDays(days);
        _log.Refuse(Client, 21);
        _log.Sweep();
        Assert.That(_log.Lines, Is.Empty);

        _log.Time.Advance(TimeSpan.FromSeconds(60));
        _log.Sweep();
        Assert.That(_log.Lines, Is.EqualTo(new[] { Exceeded(21), $"suppressed 32 log lines about {Name}" }));
    }

    [Test, Property("Hazard", "FLOOD-6")]
    public void Log_ShieldStops_SaysWhatWasLeftOut()
    {
        for (var i = 1; i <= 20; i++)
            _log.Refuse(Client, i);
        for (var i = 0; i < 1600; i++)
            _log.Lose($"10.1.{i / 250}.{i % 250}");
        _log.Lines.Clear();
        _log.Time.Advance(TimeSpan.FromSeconds(1));
        _log.Stop();

        Assert.That(_log.Lines, Has.Count.EqualTo(3));
        Assert.That(_log.Lines[..2], Is.EqualTo(new[] { Exceeded(20), $"suppressed 29 log lines about {Name}" }));
        Assert.That(_log.Lines[2], Does.Match("^suppressed [0-9]+ log lines about [0-9]+ clients$"));
    }

    [Test]
    public void Log_ClientsBeyondThoseThatAreCountedApart_AreCountedTogether()
    {
        _log.SetLimit(1);
        for (var client = 0; client < 5000; client++)
        {
            if (client % 40 == 0)
                _log.Time.Advance(TimeSpan.FromSeconds(0.5));
            var address = $"10.3.{client / 250}.{client % 250}";
            _log.Refuse(address, 1);
            _log.Refuse(address, 2);
        }
        var before = _log.Lines.Count;
        _log.Advance(130);

        Assert.That(before, Is.LessThan(3 * 5000 + 10));
        Assert.That(FloodedLog.Told(_log.Lines) + FloodedLog.LeftOut(_log.Lines), Is.EqualTo(3 * _log.Connections));
    }

    private static string Disconnect => $"disconnect from {Name} commands=0/0";

    private static string Exceeded(int n) => $"Connection rate limit exceeded: {n} from {Name} for service smtp";

    private static string Rejected(int n) => $"NOQUEUE: reject: RCPT from {Name}: 550 5.1.1 no {n}; from=<a@x>";
}
