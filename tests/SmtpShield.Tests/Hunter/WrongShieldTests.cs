using SmtpShield.Options;
using SmtpShield.Testing.Hunter;

namespace SmtpShield.Tests.Hunter;

/// <summary>The hunter finds a shield that is wrong by one, which it can only if its model demands one outcome.</summary>
internal sealed class WrongShieldTests
{
    private const int MostSeeds = 3000;

    private static IEnumerable<TestCaseData> OffByOne =>
    [
        .. Both("rates", "messages", static (limits, by) => limits with { ClientMessageRateLimit = limits.ClientMessageRateLimit + by }),
        .. Both("rates", "recipients of a client", static (limits, by) => limits with { ClientRecipientRateLimit = limits.ClientRecipientRateLimit + by }),
        // One less would be none.
        new TestCaseData("rates", static (SmtpdLimitOptions limits) => limits with { ClientAuthRateLimit = 2 }).SetArgDisplayNames("rates", "logins", "1"),
        .. Both("rates", "recipients", static (limits, by) => limits with { RecipientLimit = limits.RecipientLimit + by }),
        .. Both("few errors", "overshoot", static (limits, by) => limits with { RecipientOvershootLimit = limits.RecipientOvershootLimit + by }),
        .. Both("few errors", "errors", static (limits, by) => limits with { HardErrorLimit = limits.HardErrorLimit + by }),
        .. Both("few errors", "junk", static (limits, by) => limits with { JunkCommandLimit = limits.JunkCommandLimit + by }),
        .. Both("bare newlines rejected", "errors of a client", static (limits, by) => limits with { ClientErrorRateLimit = limits.ClientErrorRateLimit + by }),
        .. Both("TLS", "refused logins", static (limits, by) => limits with { ClientAuthFailureRateLimit = limits.ClientAuthFailureRateLimit + by }),
    ];

    [TestCaseSource(nameof(OffByOne))]
    public void Sessions_LimitIsOffByOne_AreFound(string name, Func<SmtpdLimitOptions, SmtpdLimitOptions> change)
    {
        var all = HuntConfiguration.InMemory;
        var place = all.Index().Single(one => one.Item.Name == name).Index;
        var right = all[place];
        using var wrong = new InMemoryHunter(right with { Limits = change(right.Limits) });
        using var hunter = new InMemoryHunter(right);
        var seeds = Enumerable.Range(0, MostSeeds).Select(i => place + (i * all.Count));
        var found = seeds.Cast<int?>().FirstOrDefault(seed => Play(wrong, seed!.Value) is not null);

        Assert.That(found, Is.Not.Null);
        Assert.That(Play(hunter, found!.Value), Is.Null, "what is found is nothing but the limit");

        string? Play(InMemoryHunter shield, int seed) => InMemorySession.Play(shield, right, InMemorySession.MakeUp(right, seed), seed, Splitting.Whole);
    }

    private static IEnumerable<TestCaseData> Both(string name, string limit, Func<SmtpdLimitOptions, int, SmtpdLimitOptions> change) =>
        new[] { -1, 1 }.Select(by => new TestCaseData(name, (SmtpdLimitOptions limits) => change(limits, by)).SetArgDisplayNames(name, limit, $"{by}"));
}
