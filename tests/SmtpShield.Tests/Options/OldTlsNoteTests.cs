using SmtpShield.Options;

namespace SmtpShield.Tests.Options;

/// <summary>A value that allows TLS 1.0 or 1.1 is taken, and said to give neither.</summary>
public sealed class OldTlsNoteTests
{
    [TestCase("smtpd_tls_protocols = !SSLv2,!SSLv3",
        "smtpd_tls_protocols = !SSLv2,!SSLv3 also allows TLS 1.0 or 1.1, which the shield does not speak (write >=TLSv1.2)")]
    [TestCase("smtpd_tls_mandatory_protocols = >=TLSv1",
        "smtpd_tls_mandatory_protocols = >=TLSv1 also allows TLS 1.0 or 1.1, which the shield does not speak (write >=TLSv1.2)")]
    [TestCase("smtpd_tls_protocols = >=TLSv1.2", null)]
    [TestCase("", null)]
    public void Load_Protocols_NotesOldVersionsOnce(string line, string? expected)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, $"{line}\nshield_client_handoff = proxy-v2\n");
            var result = ShieldConfiguration.Load(path, []);
            Assert.That(result.Options, Is.Not.Null);
            Assert.That(result.Problems.Select(problem => $"{problem.Severity}: {problem}"),
                Is.EqualTo(expected is null ? (string[])[] : [$"Note: {path}, line 1: {expected}"]));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
