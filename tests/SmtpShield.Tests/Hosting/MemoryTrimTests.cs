using SmtpShield.Hosting;

namespace SmtpShield.Tests.Hosting;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MemoryTrimTests : IDisposable
{
    private const long Megabyte = 1 << 20;

    private readonly MemoryTrim _trim = new(TimeProvider.System);

    public void Dispose() => _trim.Dispose();

    [Test]
    public void IsQuietBehindABurst_WhileTheBurstLasts_IsFalse() =>
        Assert.That(new[] { 5 * Megabyte, 10 * Megabyte, 15 * Megabyte }.Select(_trim.IsQuietBehindABurst), Has.All.False);

    [Test]
    public void IsQuietBehindABurst_FirstQuietMomentBehindIt_IsTrueOnce()
    {
        _trim.IsQuietBehindABurst(5 * Megabyte);

        Assert.That(new[] { 5 * Megabyte, 5 * Megabyte, 6 * Megabyte }.Select(_trim.IsQuietBehindABurst), Is.EqualTo(new[] { true, false, false }));
    }

    [Test]
    public void IsQuietBehindABurst_LittleByLittle_IsTrueWhenItHasAddedUp()
    {
        var answers = Enumerable.Range(1, 20).Select(step => _trim.IsQuietBehindABurst(step * Megabyte / 4)).ToList();

        Assert.That(answers.IndexOf(true), Is.EqualTo(15));
    }
}
