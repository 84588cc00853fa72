using SmtpShield.Control.Tuning;

namespace SmtpShield.Tests.Control;

/// <summary>Overrides of one name stack: the latest counts, and its end brings back the one below.</summary>
[Property("Operations", "OPS-31")]
public sealed class OverrideListTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero);

    [Test]
    public void Values_OfSeveralOfOneName_AreTheLatestOnes() =>
        Assert.That(Of(One("a", "1", null), One("b", "2", null), One("a", "3", 10)).Values, Is.EquivalentTo(new Dictionary<string, string>
        {
            ["a"] = "3", ["b"] = "2",
        }));

    [Test]
    public void At_TheEndOfTheLatest_BringsBackTheOneBelow()
    {
        var list = Of(One("a", "1", null), One("a", "2", 60), One("a", "3", 10));
        Assert.Multiple(() =>
        {
            Assert.That(list.NextEnd, Is.EqualTo(_now.AddSeconds(10)));
            Assert.That(list.At(_now.AddSeconds(9)), Is.SameAs(list));
            Assert.That(list.At(_now.AddSeconds(10)).Values["a"], Is.EqualTo("2"));
            Assert.That(list.At(_now.AddSeconds(60)).Values["a"], Is.EqualTo("1"));
            Assert.That(list.At(_now.AddYears(1)).NextEnd, Is.Null);
        });
    }

    // It would end unseen: who sets the same each hour does not fill the list.
    [TestCase(10, 10)]
    [TestCase(10, 20)]
    [TestCase(10, null)]
    [TestCase(null, null)]
    public void With_OneThatEndsNoEarlier_TheOneBelowIsNotKept(int? below, int? above) =>
        Assert.That(Of(One("b", "0", 1), One("a", "1", below), One("a", "2", above)).All.Select(static one => one.Value), Is.EqualTo((string[])["0", "2"]));

    [Test]
    public void Without_AName_TakesAllOfIt() =>
        Assert.That(Of(One("a", "1", null), One("b", "2", null), One("a", "3", 10)).Without("a").Values.Keys, Is.EqualTo((string[])["b"]));

    [Test]
    public void WithThoseOf_AnEarlierList_GoesBackForThatNameOnly() => Assert.That(
        Of(One("a", "1", null), One("b", "2", null)).WithThoseOf(Of(One("a", "7", null), One("b", "8", null)), "a").Values,
        Is.EquivalentTo(new Dictionary<string, string> { ["a"] = "7", ["b"] = "2" }));

    private static Override One(string name, string value, int? seconds) =>
        new(name, value, _now, seconds is { } end ? _now.AddSeconds(end) : null, "uid 0 (root)", null);

    private static OverrideList Of(params Override[] all) => all.Aggregate(OverrideList.Empty, static (list, one) => list.With(one));
}
