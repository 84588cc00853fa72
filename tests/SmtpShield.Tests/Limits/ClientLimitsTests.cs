using SmtpShield.Configuration;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

public class ClientLimitsTests
{
    private static readonly SmtpdLimitOptions _none = new() { ClientConnectionCountLimit = 0 };

    private static IEnumerable<Func<int, SmtpdLimitOptions>> EachLimit =>
    [
        limit => _none with { ClientConnectionCountLimit = limit }, limit => _none with { ClientConnectionRateLimit = limit },
        limit => _none with { ClientMessageRateLimit = limit }, limit => _none with { ClientRecipientRateLimit = limit },
        limit => _none with { ClientNewTlsSessionRateLimit = limit }, limit => _none with { ClientAuthRateLimit = limit },
        limit => _none with { ClientErrorRateLimit = limit }, limit => _none with { ClientAuthFailureRateLimit = limit },
    ];

    [Test]
    public void IsAnySet_NoLimit_IsFalse() => Assert.That(ClientLimits.IsAnySet(_none), Is.False);

    [TestCaseSource(nameof(EachLimit))]
    public void IsAnySet_OneLimit_IsTrue(Func<int, SmtpdLimitOptions> with) => Assert.That(ClientLimits.IsAnySet(with(1)), Is.True);

    [Test]
    public void IsAnyExceeded_NoLimit_IsFalse() => Assert.That(ClientLimits.IsAnyExceeded(CountsOf(int.MaxValue, 8), _none), Is.False);

    [Test]
    public void IsAnyExceeded_OneLimit_IsTrueAboveIt()
    {
        var limits = EachLimit.ToArray();
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(5, i), with(5))), Is.All.False);
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(6, i), with(5))), Is.All.True);
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(6, (i + 1) % 8), with(5))), Is.All.False);
    }

    [Test]
    public void LimitOf_EachEvent_IsItsOwn() => Assert.That(
        EachLimit.Skip(2).Select((with, i) => Enum.GetValues<AnvilEvent>().Single(kind => ClientLimits.LimitOf(kind, with(3)) == 3)), Is.EqualTo(Enum.GetValues<AnvilEvent>()));

    // Index 8: all of them.
    private static AnvilCounts CountsOf(int value, int index)
    {
        int At(int i) => index is 8 || index == i ? value : 0;
        return new(At(0), At(1), At(2), At(3), At(4), At(5), At(6), At(7));
    }
}
