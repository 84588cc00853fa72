using SmtpShield.Testing;

namespace SmtpShield.Tests;

public class AtMostOnceTests
{
    private FakeTimeProvider _time = null!;
    private AtMostOnce _once = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _once = new(_time, TimeSpan.FromSeconds(60));
    }

    [Test]
    public void IsDue_FirstTimeAndAtTheEndOfEachInterval_IsTrueOnce()
    {
        var said = new List<int>();
        for (var second = 0; second <= 130; second++)
        {
            if (_once.IsDue())
                said.Add(second);
            Assert.That(_once.IsDue(), Is.False);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(said, Is.EqualTo(new[] { 0, 60, 120 }));
    }

    [Test]
    public void IsDue_ManyThreads_OneIsTold()
    {
        var told = 0;
        Parallel.For(0, 1000, _ =>
        {
            if (_once.IsDue())
                Interlocked.Increment(ref told);
        });

        Assert.That(told, Is.EqualTo(1));
    }
}
