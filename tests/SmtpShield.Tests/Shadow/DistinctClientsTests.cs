using SmtpShield.Clients;
using SmtpShield.Shadow;

namespace SmtpShield.Tests.Shadow;

[Property("Operations", "OPS-18")]
public class DistinctClientsTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(DistinctClients.MostExact)]
    public void Count_NotMoreThanAreKnownByThemselves_IsExact(int clients)
    {
        var distinct = Of(clients);
        Assert.That((distinct.Count, distinct.IsEstimate), Is.EqualTo(((long)clients, false)));
    }

    [TestCase(DistinctClients.MostExact + 1)]
    [TestCase(20_000)]
    [TestCase(300_000)]
    public void Count_OfMore_IsWithinFivePercent(int clients)
    {
        var distinct = Of(clients);
        Assert.That(distinct.IsEstimate);
        Assert.That(distinct.Count, Is.EqualTo(clients).Within(5).Percent);
    }

    private static DistinctCount Of(int clients)
    {
        var distinct = new DistinctClients(new());
        for (var twice = 0; twice < 2; twice++)
        {
            for (var i = 0; i < clients; i++)
                distinct.Add(new ClientRange((UInt128)(uint)i << 96, 32, true));
        }

        return distinct.Look();
    }
}
