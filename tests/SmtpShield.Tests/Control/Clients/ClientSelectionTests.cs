using SmtpShield.Clients;
using SmtpShield.Control.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Control.Clients;

[Property("Operations", "OPS-6")]
internal sealed class ClientSelectionTests
{
    private const int Clients = 3000;
    private static readonly ServiceRules _rules = new("smtp", new());

    // Against a sort of all: with many equals, IPv4 and IPv6, and a part by each of two.
    [TestCase(1)]
    [TestCase(100)]
    [TestCase(Clients)]
    [TestCase(2 * Clients)]
    public void Take_OfTwoPartsTogether_IsTheFirstOfAllInTheirOrder(int limit)
    {
        var random = new Random(3);
        ClientRank[] ranks = [.. Enumerable.Range(0, Clients).Select(i => new ClientRank(random.Next(20), ClientOf(i), "smtp")).Shuffle()];
        ClientSelection[] parts = [new(limit), new(limit)];
        foreach (var (i, rank) in ranks.Index())
        {
            var part = parts[i % 2];
            if (part.MayEnter(rank.Value, new AnvilEntry(rank.Client, service: 0, now: 0)))
                part.Add(new(_rules, rank.Client, null), rank);
        }

        parts[0].AddAll(parts[1]);

        Assert.That(parts[0].Total, Is.EqualTo(Clients));
        Assert.That(parts[0].Take(static found => found.Client), Is.EqualTo(ranks.OrderDescending().Take(limit).Select(static rank => rank.Client)));
    }

    private static ClientRange ClientOf(int number) => number % 3 == 0
        ? new(unchecked((uint)number * 2_654_435_761), 32, isIPv4: true)
        : new(((UInt128)(ulong)(number % 7) << 127) | ((UInt128)(uint)number << 64), 64, isIPv4: false);
}
