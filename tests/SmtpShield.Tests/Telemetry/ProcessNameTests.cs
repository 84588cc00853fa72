using SmtpShield.Telemetry;

namespace SmtpShield.Tests.Telemetry;

public class ProcessNameTests
{
    [TestCase("SmtpShield.Transport.SocketListener", "master")]
    [TestCase("SmtpShield.Listening.ProcessLimit", "master")]
    [TestCase("SmtpShield.Limits.AnvilTable", "anvil")]
    [TestCase("SmtpShield.Sessions.SmtpSession", "smtpd")]
    [TestCase("SmtpShield.Host.StartReport", "master")]
    [TestCase("SmtpShield.Configuration.ShieldConfigurationWatcher", "master")]
    [TestCase("SmtpShield", "smtpd")]
    [TestCase("SmtpShield.LimitsOfAnother", "smtpd")]
    [TestCase("SmtpShieldElse.Limits", "master")]
    [TestCase("Microsoft.AspNetCore.Server.Kestrel", "master")]
    [TestCase("Polly", "master")]
    [TestCase("Yarp.ReverseProxy.Health", "master")]
    public void OfCategory_Namespace_DecidesTheName(string category, string expected) => Assert.That(ProcessName.OfCategory(category), Is.EqualTo(expected));
}
