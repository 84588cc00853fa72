using System.Net;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

/// <summary>Since when a limit refuses a client something, against somebody who looks at its counts all the time.</summary>
public sealed class OverSinceTests
{
    private const int Limit = 5;

    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private FakeTimeProvider _time = null!;
    private AnvilTable _table = null!;

    private static IEnumerable<TestCaseData> Cases =>
        from limit in ClientLimits.All
        from window in Enum.GetValues<RateWindow>()
        from seed in Enumerable.Range(1, 5)
        select new TestCaseData(limit.Parameter, window, seed);

    [TestCaseSource(nameof(Cases))]
    [Property("Operations", "OPS-11")]
    public void Since_OfEachRuleAndWindow_IsTheFirstRefusalBehindTheLastMomentInWhichNothingWouldHaveBeenRefused(string parameter, RateWindow window, int seed)
    {
        var limit = ClientLimits.Find(parameter)!;
        Create(window);
        var random = new Random(seed);
        var (runs, longest) = (0, 0);
        int? since = null;
        for (var i = 0; i < 3000; i++)
        {
            // Busy times and quiet ones.
            _time.Advance(TimeSpan.FromSeconds(1));
            if (!IsLimited(limit))
                since = null;
            if (random.Next(i / 100 % 3 == 0 ? 30 : 6) != 0)
                continue;

            if (limit.IsOnOpenConnections && random.Next(2) == 0)
                _table.Disconnect(_client);
            else if (IsRefused(limit) && Note(limit) is var refused)
                since ??= refused;
            if (!IsLimited(limit))
                since = null;
            Assert.That(Since(limit), Is.EqualTo(since), $"in second {_table.Second}");
            if (since is not { } second)
                continue;
            runs += second == _table.Second ? 1 : 0;
            longest = Math.Max(longest, _table.Second - second);
        }

        Assert.That((runs, longest), Is.GreaterThan((3, 15)), "it was over the limit several times, and for long");
    }

    // Two are remembered: a third one takes the place of the earlier.
    [Test]
    public void Since_OfThreeLimitsInTurn_IsKnownOfTheTwoThatRefusedLast()
    {
        Create(RateWindow.Sliding);
        ClientLimit[] limits = [ClientLimits.Message, ClientLimits.Recipient, ClientLimits.Auth];
        foreach (var limit in limits)
        {
            while (!IsRefused(limit))
            {
            }

            Note(limit);
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.That(limits.Select(Since), Is.EqualTo(new int?[] { null, 2, 4 }));
    }

    [Test]
    [Property("Operations", "OPS-13")]
    public void Since_BehindARelease_IsLeftOfConnectionsThatStayOpen()
    {
        Create(RateWindow.Fixed);
        while (!IsRefused(ClientLimits.Message))
        {
        }

        Note(ClientLimits.Message);
        while (!IsRefused(ClientLimits.ConnectionCount))
        {
        }

        Note(ClientLimits.ConnectionCount);
        _time.Advance(TimeSpan.FromSeconds(1));

        _table.Release(_client);

        Assert.That((Since(ClientLimits.Message), Since(ClientLimits.ConnectionCount)), Is.EqualTo(((int?)null, (int?)0)));
    }

    // A connection ends between a verdict and its note.
    [Test]
    public void Since_WhereTheConnectionsHaveEndedMeanwhile_IsThatOfTheNextRefusal()
    {
        Create(RateWindow.Fixed);
        while (!IsRefused(ClientLimits.ConnectionCount))
        {
        }

        _table.Disconnect(_client);
        _table.Disconnect(_client);
        Note(ClientLimits.ConnectionCount);
        _time.Advance(TimeSpan.FromSeconds(3));
        while (!IsRefused(ClientLimits.ConnectionCount))
        {
        }

        Note(ClientLimits.ConnectionCount);
        Assert.That(Since(ClientLimits.ConnectionCount), Is.EqualTo(3));
    }

    private void Create(RateWindow window)
    {
        _time = new();
        _table = TestAnvil.Table(new ShieldSnapshot(new() { Anvil = new() { RateWindow = window } }), _time);
    }

    private int? Since(ClientLimit limit) => _table.History.Of(_client)?.Runs.Since(limit, _table.Second);

    private bool IsLimited(ClientLimit limit) => limit.RefusesNext(limit.CountIn(_table.Peek(_client)), Limit);

    // What is counted before it is judged is an event; of what the MTA refuses nothing reaches it any more.
    private bool IsRefused(ClientLimit limit)
    {
        if (!limit.CountsBeforeJudging)
        {
            if (IsLimited(limit))
                return true;
            _table.Count(_client, limit.Event!.Value);
            return false;
        }

        var wasLimited = IsLimited(limit);
        if (limit.Event is { } kind)
            _table.Count(_client, kind);
        else
            _table.Connect(_client);
        if (limit == ClientLimits.ConnectionRate)
            _table.Disconnect(_client);
        return wasLimited;
    }

    private int Note(ClientLimit limit)
    {
        _table.NoteHit(new(_client, IPAddress.Loopback, ClientEvent.Of(new(limit, limit.CountIn(_table.Peek(_client))), Limit, 421)));
        if (limit.IsOnOpenConnections)
            _table.Disconnect(_client);
        return _table.Second;
    }
}
