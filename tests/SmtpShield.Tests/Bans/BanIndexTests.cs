using SmtpShield.Bans;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Bans;

[CancelAfter(60_000)]
internal sealed class BanIndexTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    // Against a dictionary, over several sizes.
    [Test]
    public void Bans_PutInAndTakenOutByChance_AreThoseOfADictionary()
    {
        var random = new Random(74);
        var index = new BanIndex();
        var expected = new Dictionary<ClientRange, Ban>();
        for (var i = 0; i < 20_000; i++)
        {
            var ban = BanOf(random.Next(2000));
            if (random.Next(5) < 3)
            {
                Assert.That(index.Put(ban), Is.SameAs(expected.GetValueOrDefault(ban.Prefix)));
                expected[ban.Prefix] = ban;
            }
            else
            {
                expected.Remove(ban.Prefix, out var taken);
                Assert.That(index.Take(ban.Prefix), Is.SameAs(taken));
            }
        }

        Assert.That(index.Count, Is.EqualTo(expected.Count));
        Assert.That(index.ToList(), Is.EquivalentTo(expected.Values));
        for (var i = 0; i < 2000; i++)
            Assert.That(index.Find(Range(i)), Is.SameAs(expected.GetValueOrDefault(Range(i))));
    }

    // Also of a family or a length that is another one, and where all is in one chain.
    [Test]
    public void Find_OfWhatIsNearlyTheSame_FindsNothing()
    {
        var index = new BanIndex();
        index.Put(new(TestBans.Range("10.0.0.0/24"), s_now, s_now));

        Assert.That(index.Find(TestBans.Range("10.0.0.0/25")), Is.Null);
        Assert.That(index.Find(TestBans.Range("::a00:0/24")), Is.Null);
        Assert.That(index.Find(TestBans.Range("10.0.0.0/24")), Is.Not.Null);
    }

    // Who is banned all the time is found each time, while the table grows, and others come, are replaced and go.
    [Test]
    public async Task Find_WhileOthersChangeTheTable_FindsWhoIsThereAllTheTime(CancellationToken cancellationToken)
    {
        const int Stay = 50;
        var index = new BanIndex();
        for (var i = 0; i < Stay; i++)
            index.Put(BanOf(i));
        using var done = new CancellationTokenSource();
        var looks = Enumerable.Range(0, 2).Select(_ => Task.Run(
            () =>
            {
                var missed = 0;
                do
                {
                    for (var i = 0; i < Stay; i++)
                        missed += index.Find(Range(i)) is null ? 1 : 0;
                    missed += Stay - index.ToList().Count(static ban => (uint)ban.Prefix.Bits < 0x0a000000 + Stay);
                }
                while (!done.IsCancellationRequested);
                return missed;
            },
            cancellationToken)).ToList();
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 20_000; i++)
                index.Put(BanOf(Stay + i + round * 20_000));
            for (var i = 0; i < 20_000; i++)
                index.Take(Range(Stay + i + round * 20_000));
        }

        await done.CancelAsync();
        Assert.That(await Task.WhenAll(looks), Is.EqualTo((int[])[0, 0]));
        Assert.That(index.Count, Is.EqualTo(Stay));
    }

    [Test]
    public void Ends_OfBansByChance_ComeInTheirOrder()
    {
        var random = new Random(75);
        var ends = new BanEnds();
        var left = new List<DateTimeOffset>();
        for (var i = 0; i < 5000; i++)
        {
            if (random.Next(3) > 0)
            {
                var ban = new Ban(Range(i), s_now, s_now.AddSeconds(random.Next(1000)));
                ends.Add(ban);
                left.Add(ban.Until);
            }
            else if (ends.Next is { } next)
            {
                Assert.That(next.Until, Is.EqualTo(left.Min()));
                ends.RemoveNext();
                left.Remove(next.Until);
            }

            if (i == 4000)
                ends.Reset(left.Select(static until => new Ban(Range(0), s_now, until)));
        }

        for (; ends.Next is { } next; ends.RemoveNext(), left.Remove(next.Until))
            Assert.That(next.Until, Is.EqualTo(left.Min()));
        Assert.That(left, Is.Empty);
    }

    private static Ban BanOf(int number) => new(Range(number), s_now, s_now.AddHours(1));

    private static ClientRange Range(int number) => new((uint)(0x0a000000 + number), 32, isIPv4: true);
}
