using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Options;

namespace SmtpShield.Tests.Observe;

public class MaillogFormatterTests
{
    private static readonly TimeZoneInfo _zone = TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(1), "test", "test");

    private static readonly ShieldOptions _options = new()
    {
        Smtpd = new SmtpdOptions { MyHostname = "mx1.example.org" },
        Log = new LogOptions { SyslogName = "smtpshield" },
    };

    // 23:59:58 UTC is already the next day where the log is written.
    private static readonly DateTimeOffset _time = new(2026, 10, 31, 23, 59, 58, TimeSpan.Zero);

    [Test]
    public void Format_ForFile_IsThePostfixLineWithAZeroPaddedDay() =>
        Assert.That(
            ForFile(new MaillogLine(_time, LogLevel.Information, "smtpd", "connect from unknown[192.0.2.7]", null)),
            Is.EqualTo("Nov 01 00:59:58 mx1 smtpshield/smtpd[4711]: connect from unknown[192.0.2.7]"));

    [Test]
    public void Format_ForSyslog_HasPriorityNoHostAndABlankPaddedDay() =>
        Assert.That(
            ForSyslog(_options, new MaillogLine(_time, LogLevel.Information, "anvil", "statistics: max cache size 3", null)),
            Is.EqualTo("<22>Nov  1 00:59:58 smtpshield/anvil[4711]: statistics: max cache size 3"));

    [TestCase(LogLevel.Trace, "x")]
    [TestCase(LogLevel.Debug, "x")]
    [TestCase(LogLevel.Information, "x")]
    [TestCase(LogLevel.Warning, "warning: x")]
    [TestCase(LogLevel.Error, "error: x")]
    [TestCase(LogLevel.Critical, "fatal: x")]
    public void Format_Level_BecomesPostfixsSeverityWord(LogLevel level, string expected) =>
        Assert.That(TextOf(new MaillogLine(_time, level, "smtpd", "x", null)), Is.EqualTo(expected));

    [TestCase(LogLevel.Trace, 23)]
    [TestCase(LogLevel.Debug, 23)]
    [TestCase(LogLevel.Information, 22)]
    [TestCase(LogLevel.Warning, 20)]
    [TestCase(LogLevel.Error, 19)]
    [TestCase(LogLevel.Critical, 18)]
    public void Format_Level_BecomesTheSyslogSeverityOfFacilityMail(LogLevel level, int priority) =>
        Assert.That(ForSyslog(_options, new MaillogLine(_time, level, "smtpd", "x", null)), Does.StartWith($"<{priority}>"));

    [TestCase("local7", 23 * 8 + 6)]
    [TestCase("kern", 6)]
    [TestCase("authpriv", 10 * 8 + 6)]
    [TestCase("nonsense", 2 * 8 + 6)]
    [TestCase("", 2 * 8 + 6)]
    public void Format_Facility_IsInThePriority(string facility, int priority) =>
        Assert.That(
            ForSyslog(_options with { Log = new LogOptions { SyslogFacility = facility } }, new MaillogLine(_time, LogLevel.Information, "smtpd", "x", null)),
            Does.StartWith($"<{priority}>"));

    [Test]
    public void Format_AnythingButPrintableAscii_BecomesAQuestionMark() =>
        Assert.That(TextOf(new MaillogLine(_time, LogLevel.Information, "smtpd", "a\r\nb\tcé\u2028\u001b~ \u007f", null)), Is.EqualTo("a??b?c???~ ?"));

    [Test]
    public void Format_Exception_IsAppendedOnTheSameLine() =>
        Assert.That(
            TextOf(new MaillogLine(_time, LogLevel.Error, "smtpd", "session failed", new InvalidOperationException("two\nlines"))),
            Is.EqualTo("error: session failed (InvalidOperationException: two?lines)"));

    [TestCase(-1)]
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3000)]
    public void Format_LineAroundTheLimit_IsCutAt2048(int above)
    {
        var header = ForFile(new MaillogLine(_time, LogLevel.Information, "smtpd", "", null)).Length;

        var line = ForFile(
            new MaillogLine(_time, LogLevel.Information, "smtpd", new string('x', MaillogFormatter.MaxLength - header + above), new IOException("e")));

        Assert.That(line, Has.Length.EqualTo(2048));
    }

    [Test]
    public void Format_NextSecond_HasItsOwnTime()
    {
        var formatter = MaillogFormatter.ForFile(_options, _zone, 4711);
        var lines = new[] { 0, 1, 2, 3600 }
            .Select(s => Format(formatter, new MaillogLine(_time.AddSeconds(s), LogLevel.Information, "smtpd", "x", null))[..15]);

        Assert.That(lines, Is.EqualTo(new[] { "Nov 01 00:59:58", "Nov 01 00:59:59", "Nov 01 01:00:00", "Nov 01 01:59:58" }));
    }

    private static string TextOf(in MaillogLine line) => ForFile(line).Split("]: ", 2)[1];

    private static string ForFile(in MaillogLine line) => Format(MaillogFormatter.ForFile(_options, _zone, 4711), line);

    private static string ForSyslog(ShieldOptions options, in MaillogLine line) => Format(MaillogFormatter.ForSyslog(options, _zone, 4711), line);

    private static string Format(MaillogFormatter formatter, in MaillogLine line)
    {
        var buffer = new byte[MaillogFormatter.MaxLength + 100];
        return Encoding.ASCII.GetString(buffer, 0, formatter.Format(line, buffer));
    }
}
