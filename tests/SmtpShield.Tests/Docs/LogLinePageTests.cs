using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>docs/reference/log-lines.md has every log event of the program, with its text, and no others.</summary>
[TestFixture]
public sealed partial class LogLinePageTests
{
    private static readonly string[] s_page = File.ReadAllLines(Repository.PathOf("docs/reference/log-lines.md"));

    private static IEnumerable<string> Events =>
        from type in typeof(MaillogLoggerProvider).Assembly.GetTypes().Concat(typeof(SmtpShield.Host.Commands.RunCommand).Assembly.GetTypes())
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let line = method.GetCustomAttribute<LoggerMessageAttribute>()
        where line is not null
        orderby line.EventId
        select $"| {line.EventId} | {line.EventName ?? method.Name} | {WordOf(line.Level)} | `{line.Message}` |";

    [TestCaseSource(nameof(Events))]
    public void Page_HasTheEvent(string row) => Assert.That(s_page.Count(line => line.StartsWith(row, StringComparison.Ordinal)), Is.EqualTo(1));

    [Test]
    public void Page_HasNoOtherEvents() => Assert.That(s_page.Count(line => Row().IsMatch(line)), Is.EqualTo(Events.Count()));

    private static string WordOf(LogLevel level) => level == LogLevel.Information ? "info" : $"{level}".ToLowerInvariant();

    [GeneratedRegex(@"^\| \d+ \|")]
    private static partial Regex Row();
}
