using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

public class AnvilHashTests
{
    private static readonly ClientRange _client = ClientRange.Of(IPAddress.Parse("2001:db8::1"), 32, 128);

    [Test]
    public void Of_TwoProcesses_Differs() => Assert.That(
        Enumerable.Range(0, 8).Select(_ => new AnvilHash().Of(_client, 0)).Distinct().Count(), Is.GreaterThan(1));

    [Test]
    public void Of_EveryBitOfTheKey_Matters()
    {
        var hash = new AnvilHash();
        var others = Enumerable.Range(0, 128).Select(bit => hash.Of(_client with { Bits = _client.Bits ^ (UInt128.One << bit) }, 0))
            .Concat(Enumerable.Range(0, 128).Select(length => hash.Of(_client with { PrefixLength = (byte)length }, 0)))
            .Concat(Enumerable.Range(1, 255).Select(service => hash.Of(_client, (byte)service)))
            .Append(hash.Of(_client with { IsIPv4 = true }, 0));

        // A collision has probability 1 : 2^32 for each.
        Assert.That(others, Does.Not.Contain(hash.Of(_client, 0)));
    }

    [TestCase(0)]
    [TestCase(12)]
    [TestCase(64)]
    public void Of_NeighbouringNetworks_SpreadsThem(int shift)
    {
        var hash = new AnvilHash();
        var buckets = new int[1024];
        for (var i = 0; i < 64 * buckets.Length; i++)
            buckets[hash.Of(_client with { Bits = (UInt128)i << shift }, 0) >> 22]++;

        Assert.That(buckets, Is.All.LessThan(64 * 8));
    }

    // More in one part would be one case in 10^20 by chance.
    [Test]
    public void Of_NetworksInARow_AreInAllPartsAlikeWhateverFunctionWasDrawn()
    {
        const int Networks = 8192;
        const int Parts = 16;
        var most = 0;
        for (var function = 0; function < 10_000; function++)
        {
            var hash = new AnvilHash();
            var counts = new int[Parts];
            for (var i = 0; i < Networks; i++)
                counts[hash.Of(_client with { Bits = (UInt128)i << 64 }, 0) % Parts]++;
            most = Math.Max(most, counts.Max());
        }

        Assert.That(most, Is.LessThan(Networks / Parts * 3 / 2));
    }
}
