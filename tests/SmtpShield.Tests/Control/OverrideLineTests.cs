using SmtpShield.Control.Tuning;

namespace SmtpShield.Tests.Control;

/// <summary>Lines of the file <c>overrides</c>.</summary>
public sealed class OverrideLineTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero);

    [TestCase(null, null)]
    [TestCase(3600, "flood \"x\"")]
    public void Line_OfAnOverride_IsReadAsItWasWritten(int? seconds, string? why)
    {
        var one = new Override(
            "submission/inet/smtpd_timeout", "${stress?{10}:{300}}s", _now, seconds is { } end ? _now.AddSeconds(end) : null, "uid 0 (root)", why);
        Assert.That(OverrideLine.Read(OverrideLine.Write(one)), Is.EqualTo(one));
    }

    [Test]
    public void Line_OfTheFormThatWasOnceWritten_IsRead() => Assert.That(
        OverrideLine.Read("smtpd_hard_error_limit\t2026-11-28T03:00:00Z\t-\tuid 0 (root)\t\t5"),
        Is.EqualTo(new Override("smtpd_hard_error_limit", "5", _now, null, "uid 0 (root)", null)));

    [TestCase("")]
    [TestCase("smtpd_hard_error_limit = 5")]
    [TestCase("a\t2026-11-28T03:00:00Z\t-\tb\t")]
    [TestCase("\t2026-11-28T03:00:00Z\t-\tb\t\t5")]
    [TestCase("a\tyesterday\t-\tb\t\t5")]
    [TestCase("a\t2026-11-28T03:00:00Z\tlater\tb\t\t5")]
    [TestCase("a\t2026-11-28T03:00:00Z\t-\tb\t\t5\t6")]
    [TestCase("a\t2026-11-28T03:00:00Z\t-\tb\t\t5\u001b[31m")]
    [TestCase("\0\0\0\0")]
    public void Line_ThatIsNone_IsNotRead(string line) => Assert.That(OverrideLine.Read(line), Is.Null);
}
