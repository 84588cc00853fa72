using System.Net;
using SmtpShield.Control.Admin;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Control.Admin;

[Property("Operations", "OPS-42")]
internal sealed class HashingBudgetTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void TryTake_FromManySources_IsBoundedForAllTogetherAndBeginsAnewEachMinute()
    {
        var budget = new HashingBudget(_time);
        for (var i = 0; i < HashingBudget.Most; i++)
            Assert.That(budget.TryTake(Source(i), out _), Is.True);
        _time.Advance(TimeSpan.FromSeconds(50));

        Assert.That((budget.TryTake(Source(1000), out var wait), wait), Is.EqualTo((false, TimeSpan.FromSeconds(10))));
        _time.Advance(wait);
        Assert.That(budget.TryTake(Source(1000), out _), Is.True);
    }

    // A flood of guesses is no way to keep out who has been there.
    [Test]
    public void TryTake_OfASourceFromWhichSomebodyHasLoggedIn_IsNeitherCountedNorRefused()
    {
        var budget = new HashingBudget(_time);
        budget.TryTake(Source(0), out _);
        budget.NoteLogin(Source(0));
        for (var i = 0; i < HashingBudget.Most; i++)
        {
            Assert.That(budget.TryTake(Source(0), out _), Is.True);
            Assert.That(budget.TryTake(Source(1 + i), out _), Is.True);
        }

        Assert.That((budget.TryTake(Source(0), out _), budget.TryTake(Source(999), out _)), Is.EqualTo((true, false)));
    }

    [Test]
    public void NoteLogin_FromMoreSourcesThanAreKnown_ForgetsTheOneOfTheLongestAgo()
    {
        var budget = new HashingBudget(_time);
        for (var i = 0; i <= HashingBudget.Known; i++)
        {
            budget.NoteLogin(Source(i));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        for (var i = 0; i < HashingBudget.Most; i++)
            budget.TryTake(Source(1000), out _);
        Assert.That((budget.TryTake(Source(0), out _), budget.TryTake(Source(1), out _)), Is.EqualTo((false, true)));
    }

    private static IPAddress Source(int number) => new([192, 0, (byte)(number >> 8), (byte)number]);
}
