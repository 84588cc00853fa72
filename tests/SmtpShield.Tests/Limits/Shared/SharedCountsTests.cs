using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Several shields count as one anvil would.</summary>
internal sealed class SharedCountsTests
{
    private const int Limit = 5;

    private static readonly AnvilKey _client = TestFarm.KeyOf("192.0.2.7");

    [Test]
    [Property("Sharing", "SHARE-1")]
    public async Task Connect_InTurnAtTwoShields_IsCountedAsAtOne()
    {
        await using var farm = new TestFarm(2);
        for (var i = 1; i <= 12; i++)
        {
            var shield = farm.Shields[i % 2];
            var rate = shield.Table.Connect(_client).ConnectionRate;
            Assert.That(rate > 5, Is.EqualTo(i > 5), $"{rate} at event {i}");
            if (i is >= 4 and <= 6)
                Assert.That(rate, Is.EqualTo(i), "near the limit numbers are those of one anvil");
            shield.Table.Disconnect(_client);
            await farm.PassAsync(TimeSpan.FromMilliseconds(500));
        }
    }

    [TestCase(2, 1)]
    [TestCase(5, 2)]
    [TestCase(20, 3)]
    [Property("Sharing", "SHARE-2")]
    public async Task Count_AtRandomFurtherApartThanTwoExchanges_EqualsOneAnvil(int shields, int seed)
    {
        await using var farm = new TestFarm(shields, AllLimits());
        var random = new Random(seed);
        AnvilKey[] clients =
            [TestFarm.KeyOf("192.0.2.1"), TestFarm.KeyOf("192.0.2.2"), TestFarm.KeyOf("2001:db8::1"), TestFarm.KeyOf("192.0.2.3", "submission")];
        List<(TestShield Shield, AnvilKey Client)> open = [];
        Dictionary<AnvilKey, int> starts = [];
        for (var step = 0; step < 300; step++)
        {
            await farm.PassAsync(TimeSpan.FromMilliseconds(400));
            var (shield, client) = (farm.Shields[random.Next(shields)], clients[random.Next(clients.Length)]);
            var kind = random.Next(8);
            // At a window's end an event may fall on either side.
            if (farm.Alone.Look(client) is { } record)
                starts[client] = record.WindowStart;
            if (starts.TryGetValue(client, out var start) && (farm.Alone.Second - start) is >= 57 and <= 64)
                continue;
            if (kind == 7 && open.Count > 0)
            {
                var (at, its) = open[random.Next(open.Count)];
                open.Remove((at, its));
                at.Table.Disconnect(its);
                farm.Alone.Disconnect(its);
            }
            else if (kind is 0 or 7)
            {
                var (shared, alone) = (shield.Table.Connect(client), farm.Alone.Connect(client));
                string Message() => $"step {step}: {shared} and {alone}, {Describe(farm, shield, client)}";
                Assert.That(Verdict(shared.ConnectionCount, shared.ConnectionRate), Is.EqualTo(Verdict(alone.ConnectionCount, alone.ConnectionRate)),
                    Message());
                open.Add((shield, client));
            }
            else if (open.FindIndex(one => one.Client == client) is >= 0 and var index)
            {
                var (shared, alone) = (open[index].Shield.Table.Count(client, (AnvilEvent)(kind - 1)), farm.Alone.Count(client, (AnvilEvent)(kind - 1)));
                Assert.That(Verdict(shared), Is.EqualTo(Verdict(alone)),
                    () => $"step {step}: {shared} and {alone}, {Describe(farm, open[index].Shield, client)}");
            }
        }
    }

    [Test]
    [Property("Sharing", "SHARE-3")]
    public async Task Connect_HeldAtTwoShields_AreOneCount()
    {
        await using var farm = new TestFarm(2, new ShieldOptions());
        var (one, other) = (farm.Shields[0].Table, farm.Shields[1].Table);
        for (var i = 0; i < 30; i++)
            one.Connect(_client);
        for (var i = 0; i < 20; i++)
            other.Connect(_client);
        await farm.SettleAsync();
        Assert.That(other.Connect(_client).ConnectionCount, Is.EqualTo(51));
        other.Disconnect(_client);
        one.Disconnect(_client);
        await farm.SettleAsync();
        Assert.That(other.Connect(_client).ConnectionCount, Is.EqualTo(50));
    }

    [Test]
    [Property("Sharing", "SHARE-6")]
    public async Task Window_OpenedAtOneShield_EndsAtAll()
    {
        await using var farm = new TestFarm(2);
        var (one, other) = (farm.Shields[0].Table, farm.Shields[1].Table);
        one.Connect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(40));
        other.Connect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(15));
        Assert.That(other.Peek(_client).ConnectionRate, Is.EqualTo(2));

        await farm.PassAsync(TimeSpan.FromSeconds(6));
        Assert.That((other.Connect(_client).ConnectionRate, one.Peek(_client).ConnectionRate), Is.EqualTo((1, 0)), "61 s behind the first event");
    }

    [Test]
    [Property("Sharing", "SHARE-7")]
    public async Task Window_ThatIsOver_IsOpenedByAnEventOnly()
    {
        await using var farm = new TestFarm(2);
        var (one, other) = (farm.Shields[0].Table, farm.Shields[1].Table);
        one.Connect(_client);
        one.Connect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(70));
        one.Disconnect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(30));
        Assert.That(other.Connect(_client).ConnectionRate, Is.EqualTo(1));
        await farm.PassAsync(TimeSpan.FromSeconds(59));
        Assert.That(one.Connect(_client).ConnectionRate, Is.EqualTo(2), "the window is 59 s old");
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [Property("Sharing", "SHARE-8")]
    public async Task Events_OnBothSidesOfAWindowsEnd_AreCountedOnce(int seed)
    {
        await using var farm = new TestFarm(2);
        var random = new Random(seed);
        for (var run = 0; run < 20; run++)
        {
            var client = TestFarm.KeyOf($"198.51.100.{run}");
            farm.Shields[run % 2].Table.Connect(client);
            await farm.PassAsync(TimeSpan.FromMilliseconds(59_000 + random.Next(1500)));
            var largest = 0;
            for (var i = 0; i < 8; i++)
            {
                var count = farm.Shields[random.Next(2)].Table.Connect(client).ConnectionRate;
                largest = Math.Max(largest, count);
                Assert.That(count, Is.InRange(1, 9), $"run {run}, event {i}");
                await farm.PassAsync(TimeSpan.FromMilliseconds(400));
            }

            await farm.SettleAsync();
            Assert.That(farm.Memory.TotalsOf(client.ToString())[1], Is.InRange(1, 9), $"run {run}");
        }
    }

    [Test]
    [Property("Sharing", "SHARE-10")]
    public async Task Connections_OfAShieldThatIsKilled_CountUntilItsLeaseEnds()
    {
        await using var farm = new TestFarm(2, new ShieldOptions { Limits = new() { ClientConnectionCountLimit = 4 } });
        for (var i = 0; i < 50; i++)
            farm.Shields[0].Table.Connect(TestFarm.KeyOf($"192.0.2.{i % 20}"));
        await farm.SettleAsync();
        farm.Kill(farm.Shields[0]);
        var other = farm.Shields[0].Table;
        await farm.PassAsync(TimeSpan.FromSeconds(9.5));
        Assert.That(other.Peek(TestFarm.KeyOf("192.0.2.1")).ConnectionCount, Is.EqualTo(3), "within the lease");
        await farm.PassAsync(TimeSpan.FromSeconds(1));
        Assert.That(Enumerable.Range(0, 20).Sum(i => other.Peek(TestFarm.KeyOf($"192.0.2.{i}")).ConnectionCount), Is.Zero);
        Assert.That(other.Peek(TestFarm.KeyOf("192.0.2.1")).ConnectionRate, Is.EqualTo(3), "what it counted stays");
    }

    [Test]
    [Property("Sharing", "SHARE-15")]
    public async Task Connections_OfAShieldThatIsKilled_AreForgottenWithTheStore()
    {
        await using var farm = new TestFarm(2, new ShieldOptions { Limits = new() { ClientConnectionCountLimit = 2 } });
        farm.Shields[0].Table.Connect(_client);
        await farm.SettleAsync();
        Assert.That(farm.Shields[1].Table.Peek(_client), Is.EqualTo(new AnvilCounts(1, 1)));
        farm.Kill(farm.Shields[0]);
        farm.Memory.Flush();
        await farm.SettleAsync();
        Assert.That(farm.Shields[0].Table.Peek(_client).ConnectionCount, Is.Zero, "not for as long as it may take until others are asked for anyway");
    }

    [Test]
    [Property("Sharing", "SHARE-11")]
    public async Task Connections_OfAShieldThatIsStartedAgain_AreAddedUntilTheLeaseEnds()
    {
        await using var farm = new TestFarm(2, new ShieldOptions { Limits = new() { ClientConnectionCountLimit = 20 } });
        for (var i = 0; i < 10; i++)
            farm.Shields[0].Table.Connect(_client);
        await farm.SettleAsync();
        farm.Kill(farm.Shields[0]);
        var again = farm.Start();
        for (var i = 0; i < 4; i++)
            again.Table.Connect(_client);
        await farm.SettleAsync();
        Assert.That(farm.Shields[0].Table.Peek(_client).ConnectionCount, Is.EqualTo(14));
        await farm.PassAsync(TimeSpan.FromSeconds(11));
        Assert.That(farm.Memory.TotalsOf(_client.ToString())[0], Is.EqualTo(4));
    }

    [Test]
    [Property("Sharing", "SHARE-12")]
    public async Task Leave_OfAShield_IsHeardAtOnce()
    {
        await using var farm = new TestFarm(2);
        var one = farm.Shields[0];
        one.Table.Connect(_client);
        await farm.SettleAsync();
        one.Table.Disconnect(_client);
        await one.ExchangeAsync(farm.Store, leaves: true);
        farm.Kill(one);
        await farm.SettleAsync();
        Assert.That((farm.Shields[0].Table.Peek(_client).ConnectionCount, farm.Shields[0].Exchange.Members), Is.EqualTo((0, 1)));
    }

    [Test]
    [Property("Sharing", "SHARE-14")]
    public async Task Pause_OfAShield_TakesItOutAndItComesBackExact()
    {
        await using var farm = new TestFarm(2, new ShieldOptions { Limits = new() { ClientConnectionCountLimit = 4 } });
        var (one, other) = (farm.Shields[0], farm.Shields[1]);
        for (var i = 0; i < 4; i++)
            one.Table.Connect(_client);
        await farm.SettleAsync();
        one.IsPaused = true;
        await farm.PassAsync(TimeSpan.FromSeconds(30));
        Assert.That(other.Table.Peek(_client).ConnectionCount, Is.Zero);
        one.IsPaused = false;
        await farm.PassAsync(TimeSpan.FromMilliseconds(100));
        Assert.That(one.Last.Resend, Is.EqualTo(ResendReason.Dead));
        await farm.SettleAsync();
        Assert.That(other.Table.Connect(_client).ConnectionCount, Is.EqualTo(5));
    }

    [Test]
    [Property("Sharing", "SHARE-15")]
    public async Task Store_ThatIsStartedEmpty_KnowsAllAgain()
    {
        await using var farm = new TestFarm(3, AllLimits());
        for (var i = 0; i < 300; i++)
        {
            var client = TestFarm.KeyOf($"192.0.2.{i % 50}");
            farm.Shields[i % 3].Table.Connect(client);
            farm.Alone.Connect(client);
        }

        for (var round = 0; round < 3; round++)
        {
            await farm.PassAsync(TimeSpan.FromSeconds(1));
            farm.Memory.Flush();
            await farm.PassAsync(TimeSpan.FromSeconds(2));
            for (var i = 0; i < 50; i++)
            {
                var client = TestFarm.KeyOf($"192.0.2.{i}");
                var all = farm.Alone.Peek(client);
                Assert.That(farm.Memory.TotalsOf(client.ToString()).Take(2), Is.EqualTo(new long[] { all.ConnectionCount, all.ConnectionRate }),
                    $"{client} in round {round}");
            }
        }
    }

    [Test]
    [Property("Sharing", "SHARE-17")]
    public async Task Shield_ThatIsCutOff_CountsAloneAndIsExactAgain()
    {
        await using var farm = new TestFarm(2, AllLimits(limit: 3));
        var (one, other) = (farm.Shields[0], farm.Shields[1]);
        one.Table.Connect(_client);
        other.Table.Connect(_client);
        await farm.SettleAsync();
        one.IsCutOff = true;
        one.Table.Connect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(5));
        Assert.That(one.Table.Peek(_client), Is.EqualTo(new AnvilCounts(3, 3)), "what was known stays valid");
        await farm.PassAsync(TimeSpan.FromSeconds(10));
        Assert.That((one.Table.Peek(_client).ConnectionCount, other.Table.Peek(_client).ConnectionCount), Is.EqualTo((2, 1)), "behind a lease");
        one.IsCutOff = false;
        await farm.PassAsync(TimeSpan.FromSeconds(2));
        Assert.That(farm.Shields.Select(static shield => shield.Table.Peek(_client)), Is.All.EqualTo(new AnvilCounts(3, 3)));
    }

    [TestCase(11)]
    [TestCase(12)]
    [TestCase(13)]
    [TestCase(14)]
    [Property("Sharing", "SHARE-18")]
    public async Task Calls_LostLateAndTwice_AreExactWhenThatIsOver(int seed)
    {
        await using var farm = new TestFarm(3, AllLimits(limit: 50));
        var random = farm.Store.Random = new Random(seed);
        List<(AnvilTable Table, AnvilKey Client)> open = [];
        for (var step = 0; step < 300; step++)
        {
            await farm.PassAsync(TimeSpan.FromMilliseconds(100));
            var client = TestFarm.KeyOf($"192.0.2.{random.Next(4)}");
            if (random.Next(3) > 0)
            {
                var table = farm.Shields[random.Next(3)].Table;
                table.Connect(client);
                open.Add((table, client));
            }
            else if (open.Count > 0)
            {
                var (table, its) = open[0];
                open.RemoveAt(0);
                table.Disconnect(its);
            }

            if (step % 97 == 50)
                farm.Memory.Flush();
        }

        farm.Store.Random = null;
        await farm.PassAsync(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 4; i++)
        {
            var client = TestFarm.KeyOf($"192.0.2.{i}");
            var expected = open.Count(one => one.Client == client);
            foreach (var shield in farm.Shields.Where(shield => open.Contains((shield.Table, client))))
                Assert.That(shield.Table.Peek(client).ConnectionCount, Is.EqualTo(expected), client.ToString());
            Assert.That(farm.Memory.TotalsOf(client.ToString()) is [var total, ..] ? total : 0, Is.EqualTo(expected), client.ToString());
        }
    }

    [TestCase(86_400)]
    [TestCase(-86_400)]
    [TestCase(5)]
    [TestCase(-5)]
    [Property("Sharing", "SHARE-19")]
    public async Task Clock_OfTheStore_IsSetWhileAClientIsReportedAndItsWindowStays(int seconds)
    {
        await using var farm = new TestFarm(2, AllLimits(limit: 9));
        var (one, other) = (farm.Shields[0].Table, farm.Shields[1].Table);
        one.Connect(_client);
        other.Connect(_client);
        await farm.SettleAsync();
        farm.StoreTime.Step = TimeSpan.FromSeconds(seconds);
        one.Connect(_client);
        other.Connect(_client);
        await farm.PassAsync(TimeSpan.FromSeconds(58));
        Assert.That(other.Connect(_client), Is.EqualTo(new AnvilCounts(5, 5)), "the window is 58 s old");
        await farm.PassAsync(TimeSpan.FromSeconds(4));
        Assert.That(one.Connect(_client).ConnectionRate, Is.EqualTo(1), "it is over");
    }

    [TestCase(86_400)]
    [TestCase(-86_400)]
    [TestCase(5)]
    [TestCase(-5)]
    [Property("Sharing", "SHARE-19")]
    public async Task Clock_OfTheStore_IsSetAndNothingEnds(int seconds)
    {
        await using var farm = await ThreeConnectionsAsync();
        var other = farm.Shields[1].Table;
        farm.StoreTime.Step = TimeSpan.FromSeconds(seconds);
        await farm.PassAsync(TimeSpan.FromSeconds(3));
        Assert.That(farm.Shields.Select(static shield => shield.Table.Peek(_client)), Is.All.EqualTo(new AnvilCounts(3, 3)));
        await farm.PassAsync(TimeSpan.FromSeconds(55));
        Assert.That(other.Connect(_client), Is.EqualTo(new AnvilCounts(4, 4)), "the window is 58 s old");
    }

    [TestCase(86_400)]
    [TestCase(-86_400)]
    [Property("Sharing", "SHARE-20")]
    public async Task Clock_OfTheShields_IsSetAndNothingIs(int seconds)
    {
        await using var farm = await ThreeConnectionsAsync();
        var (one, other) = (farm.Shields[0].Table, farm.Shields[1].Table);
        farm.ShieldTime.Step = TimeSpan.FromSeconds(seconds);
        await farm.PassAsync(TimeSpan.FromSeconds(3));
        Assert.That(farm.Shields.Select(static shield => (shield.Table.Peek(_client), shield.Last.Failure, shield.Last.Resend, shield.Exchange.Members)),
            Is.All.EqualTo((new AnvilCounts(3, 3), (string?)null, ResendReason.None, 2)));
        await farm.PassAsync(TimeSpan.FromSeconds(55));
        Assert.That(other.Connect(_client), Is.EqualTo(new AnvilCounts(4, 4)), "the window is 58 s old");
        await farm.PassAsync(TimeSpan.FromSeconds(4));
        Assert.That(one.Connect(_client), Is.EqualTo(new AnvilCounts(5, 1)), "it is over");
    }

    private static async Task<TestFarm> ThreeConnectionsAsync()
    {
        var farm = new TestFarm(2, AllLimits(limit: 4));
        farm.Shields[0].Table.Connect(_client);
        farm.Shields[0].Table.Connect(_client);
        farm.Shields[1].Table.Connect(_client);
        await farm.SettleAsync();
        return farm;
    }

    [Test]
    public async Task Service_ThatIsNotShared_CountsAlone()
    {
        var options = new ShieldOptions { Sharing = new() { IsShared = false } };
        await using var farm = new TestFarm(2, options);
        farm.Shields[0].Table.Connect(_client);
        await farm.SettleAsync();
        Assert.That((farm.Shields[1].Table.Connect(_client), farm.Memory.Count), Is.EqualTo((new AnvilCounts(1, 1), 0)));
    }

    private static string Describe(TestFarm farm, TestShield shield, AnvilKey client) =>
        $"the window is {farm.Alone.Second - farm.Alone.Look(client)?.WindowStart} and {shield.Table.Second - shield.Table.Look(client)?.WindowStart} s old; "
        + $"all have {string.Join(' ', farm.Memory.TotalsOf(client.ToString()))}";

    private static string Verdict(params int[] counts) => string.Join(' ', counts.Select(static count => count > Limit ? "over" : "within"));

    private static ShieldOptions AllLimits(int limit = Limit)
    {
        var options = new ShieldOptions
        {
            Limits = new()
            {
                ClientConnectionCountLimit = limit, ClientConnectionRateLimit = limit, ClientMessageRateLimit = limit, ClientRecipientRateLimit = limit,
                ClientAuthRateLimit = limit, ClientNewTlsSessionRateLimit = limit, ClientErrorRateLimit = limit, ClientAuthFailureRateLimit = limit,
            },
        };
        return options with { Services = new Dictionary<string, ShieldOptions> { ["smtp"] = options, ["submission"] = options } };
    }
}
