using SmtpShield.Mta.Slots;
using SmtpShield.Options;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>Sessions with an MTA, and how they are divided among shields.</summary>
internal sealed class SlotTermsTests
{
    [TestCase(90, 10, 1, 90, 10)]
    [TestCase(90, 10, 2, 45, 5)]
    [TestCase(90, 10, 7, 13, 2)]
    [TestCase(3, 1, 100, 1, 0, Description = "each has one, and none of one is kept free")]
    public void Of_SeveralShields_IsAPartRoundedUp(int limit, int reserve, int shields, int expectedLimit, int expectedReserve)
    {
        var terms = SlotTerms.Of(new() { SessionLimit = limit, SessionReserve = reserve }, shields);
        Assert.That((terms.Limit, terms.Reserve), Is.EqualTo((expectedLimit, expectedReserve)));
    }

    [Test]
    public void Of_NoLimit_IsNotDivided() => Assert.That(SlotTerms.Of(new() { SessionLimit = 0 }, shields: 3).AreLimited, Is.False);

    [Test]
    public async Task LimitInForce_ShieldsComeAndGo_FollowsWhereSessionsAreDivided()
    {
        await using var host = HostedPool.Start(Options(isDivided: true));
        foreach (var (shields, expected) in ((int, int)[])[(1, 90), (2, 45), (4, 23), (1, 90)])
        {
            host.Farm.Note(shields);
            Assert.That(host.Maintenance.Pictures().Single().LimitInForce, Is.EqualTo(expected), $"{shields} shields");
        }

        host.Farm.Note(3);
        host.Snapshot.Replace(Options(isDivided: false));
        Assert.That(host.Maintenance.Pictures().Single().LimitInForce, Is.EqualTo(90), "each may have as many");
    }

    private static ShieldOptions Options(bool isDivided) => new()
    {
        Upstream = new() { Destinations = [new("10.0.0.1", 25)] },
        Sharing = new() { DividesUpstream = isDivided },
    };
}
