using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Host;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Host;

public class StartReportTests
{
    [TestCase("", "smtp", TestName = "Started_NoCertificate_SaysWhatTheShieldCannotSee")]
    [TestCase("smtpd_tls_security_level = none", "", TestName = "Started_NoTls_HasNothingToSayOfIt")]
    [TestCase("smtpd_tls_chain_files = /x.pem", "", TestName = "Started_Certificate_HasNothingToSayOfIt")]
    [TestCase("shield_services = smtp submission\nsubmission/inet/smtpd_tls_chain_files = /x.pem", "smtp",
        TestName = "Started_CertificateOfOneService_NamesTheOther")]
    [Property("Hazard", "TLS-15")]
    public async Task Started_Service_SaysWhatTheShieldCannotSee(string lines, string blind)
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, lines + "\n");
            var configuration = new ShieldConfiguration(path, []);
            var log = new FakeLogger<StartReport>();
            await new StartReport(configuration, configuration.Read(), log).StartedAsync(CancellationToken.None);

            var said = log.Lines.Where(line => line.Contains("STARTTLS is passed on to the MTA", StringComparison.Ordinal))
                .Select(line => line.Split(' ')[2].TrimEnd(':'));
            Assert.That(string.Join(' ', said), Is.EqualTo(blind));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
