using Microsoft.Extensions.Logging;
using SmtpShield.Host;

namespace SmtpShield.Tests.Host;

/// <summary>What can be looked at without a Windows: which lines are events, and that a program that is no service has none of it.</summary>
[TestFixture]
public sealed class WindowsServiceTests
{
    [TestCase("SmtpShield.Host.StartReport", LogLevel.Information, true)]
    [TestCase("SmtpShield.Options.ShieldConfigurationWatcher", LogLevel.Warning, true)]
    [TestCase("SmtpShield.Options.ShieldConfigurationWatcher", LogLevel.Information, false)]
    [TestCase("SmtpShield.Session.SmtpSessionHandler", LogLevel.Warning, false)]
    [TestCase("SmtpShield.Session.SmtpSessionHandler", LogLevel.Error, true)]
    [TestCase("Microsoft.Hosting.Lifetime", LogLevel.Warning, false)]
    [TestCase(null, LogLevel.Warning, false)]
    public void IsEvent_Line_IsWhatAnAdministratorShouldSee(string? category, LogLevel level, bool expected) =>
        Assert.That(WindowsService.IsEvent(category, level), Is.EqualTo(expected));

    [Test]
    public void IsThis_WhereNoServiceManagerHasStartedIt_IsFalse() => Assert.That(WindowsService.IsThis, Is.False);
}
