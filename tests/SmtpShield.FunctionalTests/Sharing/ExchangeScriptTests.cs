using System.Globalization;
using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;
using StackExchange.Redis;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>The script in a real Redis, and what is written a second time in C#, say the same to the same calls.</summary>
internal sealed class ExchangeScriptTests
{
    private const string Clock = "redis.call('TIME')";

    // A million take a quarter of an hour.
    private static readonly int s_calls = int.Parse(Environment.GetEnvironmentVariable("SMTPSHIELD_SCRIPT_CALLS") ?? "5000", CultureInfo.InvariantCulture);

    // A call that is late and one that is answered otherwise are not the same.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private static readonly SharedService[] s_services = [ServiceOf("smtp", 5), ServiceOf("submission", 40)];

    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<string, (long Told, long Sequence, long Acknowledged, long Cursor, string Epoch)> _owners = [];
    private RedisInstance _redis = null!;
    private ConnectionMultiplexer _connection = null!;

    [SetUp]
    public async Task StartRedis()
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        _redis = await RedisInstance.StartAsync(TestContext.CurrentContext.CancellationToken);
        _connection = await ConnectionMultiplexer.ConnectAsync($"{_redis.EndPoint},allowAdmin=true");
    }

    [TearDown]
    public async Task StopRedis()
    {
        if (_redis is null)
            return;

        await _connection.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [TestCase(1)]
    [Property("Sharing", "SHARE-28")]
    public async Task Exchange_CallsAtRandom_AreAnsweredAlike(int seed)
    {
        var random = new Random(seed);
        await using var memory = new InMemorySharedStore(_time);
        await using var store = RedisStores.Open(_redis.Address, "test", exchanges: WithClock(ExchangeScript.Embedded), patience: s_limit);
        var redis = store.Partition(0);
        for (var i = 0; i < s_calls; i++)
        {
            var at = $"call {i} of seed {seed}";
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(100) switch { 0 => 70_000, < 10 => random.Next(20_000), _ => random.Next(400) }));
            await SetClockAsync();
            if (random.Next(1000) == 0)
            {
                memory.Flush();
                await _connection.GetServer(_redis.EndPoint).FlushAllDatabasesAsync();
                await SetClockAsync();
            }

            var call = CallOf(random);
            var expected = await memory.ExchangeAsync(call);
            var actual = await redis.ExchangeAsync(call);
            Assert.That(TextOf(actual), Is.EqualTo(TextOf(expected)), at);
            if (expected is not null && random.Next(10) > 0)
                _owners[call.Owner] = (expected.Told, call.Sequence, call.Sequence, expected.Cursor, expected.Epoch);
        }
    }

    [TestCase(1)]
    [Property("Sharing", "SHARE-28")]
    public async Task Tell_CallsAtRandom_AreAnsweredAlike(int seed)
    {
        var random = new Random(seed);
        await using var memory = new InMemorySharedStore(_time);
        await using var store = RedisStores.Open(_redis.Address, "test", entries: WithClock(ExchangeScript.Entries), patience: s_limit);
        var redis = store.Partition(0);
        Dictionary<string, (string Epoch, long Cursor)> known = [];
        for (var i = 0; i < s_calls / 2; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(2000)));
            await SetClockAsync();
            if (random.Next(500) == 0)
            {
                memory.Flush();
                await _connection.GetServer(_redis.EndPoint).FlushAllDatabasesAsync();
                await SetClockAsync();
            }

            var owner = $"{random.Next(4):x16}";
            var (epoch, cursor) = known.GetValueOrDefault(owner, ("", 0));
            var call = new EntryCall
            {
                Owner = owner,
                Epoch = epoch,
                NewEpoch = $"{random.NextInt64():x16}",
                Cursor = cursor,
                Entries = [.. Enumerable.Range(0, random.Next(i % 100 == 0 ? 300 : 4)).Select(_ => EntryOf(random))],
            };
            var expected = await memory.TellAsync(call);
            Assert.That(TextOf(await redis.TellAsync(call)), Is.EqualTo(TextOf(expected)), $"call {i} of seed {seed}");
            if (random.Next(10) > 0)
                known[owner] = (expected.Epoch, expected.Cursor);
        }
    }

    // The test's clock in place of the store's.
    private static ExchangeScript WithClock(ExchangeScript script)
    {
        Assert.That(script.Text, Does.Contain(Clock));
        return new(script.Text.Replace(Clock, "redis.call('LRANGE', 'now', 0, 1)", StringComparison.Ordinal));
    }

    private static SharedEntry EntryOf(Random random) => new($"192.0.2.{random.Next(250)}/32", "aml"[random.Next(3)],
        TimeSpan.FromMilliseconds(random.Next(4000)), TimeSpan.FromMilliseconds(random.Next(60_000)), $"1 {random.Next(9)} x \"mx1\" \"\"");

    private static string TextOf(EntryAnswer answer) => string.Join('\n',
    [
        $"{answer.Epoch} known {answer.IsKnown} cursor {answer.Cursor} more {answer.HasMore}",
        .. answer.Entries.Select(static one => $"{one.Key} {one.Kind} {one.Age.TotalMilliseconds} {one.Left.TotalMilliseconds} {one.Text}"),
    ]);

    private static SharedService ServiceOf(string name, int limit)
    {
        var rates = default(AnvilEventCounts);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] = limit + i;
        return new(name, limit, rates);
    }

    private static string TextOf(ExchangeAnswer? answer) => answer is null
        ? "stale"
        : string.Join('\n',
        [
            $"{answer.Epoch} told {answer.Told} asks {answer.AsksForEverything} deaths {answer.Deaths} members {answer.Members} cursor {answer.Cursor} "
                + $"changes {answer.Changes} time {answer.Time}",
            .. answer.MemberSettings.Prepend("members:"),
            .. answer.Counts.Select(TextOf).Prepend("counts:"),
            .. answer.News.Select(static one => $"{one.Client} {TextOf(one.Counts)}").Prepend("news:"),
        ]);

    private static string TextOf(SharedCounts counts) =>
        $"{counts.Age} {counts.Open} {string.Join(' ', Enumerable.Range(0, AnvilEventCounts.Length).Select(i => counts.Rates[i]))}";

    private async Task SetClockAsync()
    {
        var microseconds = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        await _connection.GetDatabase().ScriptEvaluateAsync("redis.call('DEL', 'now'); redis.call('RPUSH', 'now', ARGV[1], ARGV[2])", [],
            [(microseconds / 1_000_000).ToString(CultureInfo.InvariantCulture), (microseconds % 1_000_000).ToString(CultureInfo.InvariantCulture)]);
    }

    private ExchangeCall CallOf(Random random)
    {
        var owner = $"{random.Next(4):x16}";
        var known = _owners.GetValueOrDefault(owner, (0, 0, 0, 0, ""));
        var sequence = known.Item2 + random.Next(20) switch { 0 => 0, 1 => 5, _ => 1 };
        _owners[owner] = known with { Item2 = Math.Max(known.Item2, sequence) };
        return new()
        {
            Owner = owner,
            Told = random.Next(30) == 0 ? 0 : known.Item1,
            Sequence = sequence,
            Acknowledged = known.Item3,
            SteppedEpoch = random.Next(400) == 0 ? known.Item5 : "",
            Epoch = known.Item5,
            NewEpoch = $"{random.NextInt64():x16}",
            Unit = TimeSpan.FromSeconds(60),
            Lease = TimeSpan.FromSeconds(10),
            Expiry = TimeSpan.FromSeconds(70),
            Cursor = known.Item4,
            Leaves = random.Next(300) == 0,
            NamesMembers = random.Next(10) == 0,
            Settings = random.Next(50) == 0 ? $"mx{random.Next(9)}\nsome = thing" : "",
            Services = s_services,
            Reports = [.. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(12)).Distinct().Select(client => ReportOf(client, random))],
        };
    }

    private static ClientReport ReportOf(int client, Random random)
    {
        var rates = default(AnvilEventCounts);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] = random.Next(3) == 0 ? random.Next(12) : 0;
        var key = new AnvilKey(client % 2 == 0 ? "smtp" : "submission", client < 6
            ? ClientRange.Of(IPAddress.Parse($"192.0.2.{client}"), 32, 64)
            : ClientRange.Of(IPAddress.Parse($"2001:db8:{client}::1"), 32, 64));
        return new(key, 0, new(random.Next(6) == 0 ? SharedCounts.NoWindow : random.Next(70_000), random.Next(8), rates));
    }
}
