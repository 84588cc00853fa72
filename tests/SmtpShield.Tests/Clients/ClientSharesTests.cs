using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class ClientSharesTests
{
    private const int Places = 100;

    private ClientShares _shares = null!;

    [SetUp]
    public void Create() => _shares = new();

    [Test]
    public void MayTake_GreedyRanges_EachLeavesNineTenthsOfWhatItFound()
    {
        int[] held = [.. Enumerable.Range(0, 60).Select(TakeAll)];

        Assert.That(held[..6], Is.EqualTo(new[] { 9, 8, 7, 7, 6, 5 }));
        Assert.That(held, Is.All.AtLeast(1).Or.EqualTo(0));
        Assert.That(_shares.Taken, Is.EqualTo(Places));
    }

    [TestCase(1)]
    [TestCase(0)]
    [TestCase(-1)]
    public void MayTake_WhenPlacesAreShort_OnlyWhoHoldsNone(int free)
    {
        _shares.Take(Range(1));

        Assert.That((_shares.MayTake(Range(1), free), _shares.MayTake(Range(2), free)), Is.EqualTo((false, true)));
    }

    [Test]
    public void GiveBack_OfAll_LeavesNothing()
    {
        for (var number = 0; number < 20; number++)
            _shares.Take(Range(number % 3));
        for (var number = 0; number < 20; number++)
            _shares.GiveBack(Range(number % 3));

        Assert.That((_shares.Taken, _shares.HeldBy(Range(0)), _shares.DescribeLargest(5)), Is.EqualTo((0, 0, "")));
    }

    [Test]
    public void DescribeLargest_NamesThoseWithMostFirst()
    {
        foreach (var number in (int[])[1, 2, 2, 2, 3, 3])
            _shares.Take(Range(number));

        Assert.That(_shares.DescribeLargest(2), Is.EqualTo("192.0.2.2 (3), 192.0.2.3 (2)"));
    }

    private static ClientRange Range(int number) => ClientRange.Of(IPAddress.Parse($"192.0.2.{number}"), 32, 128);

    private int TakeAll(int number)
    {
        while (_shares.Taken < Places && _shares.MayTake(Range(number), Places - _shares.Taken))
            _shares.Take(Range(number));
        return _shares.HeldBy(Range(number));
    }
}
