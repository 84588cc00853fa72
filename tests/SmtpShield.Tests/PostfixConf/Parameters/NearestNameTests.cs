using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Tests.PostfixConf.Parameters;

[TestFixture]
public sealed class NearestNameTests
{
    [TestCase("smtpd_timout", "smtpd_timeout")]
    [TestCase("smtpd_hard_eror_limit", "smtpd_hard_error_limit")]
    [TestCase("smptd_timeout", "smtpd_timeout")]
    [TestCase("Smtpd_Timeout", "smtpd_timeout")]
    [TestCase("SMTPD_TIMEOUT", "smtpd_timeout")]
    [TestCase("something_else", null)]
    [TestCase("", null)]
    public void Find_Name_GivesWhatWasProbablyMeant(string name, string? expected) =>
        Assert.That(NearestName.Find(name, ParameterCatalog.All.Keys), Is.EqualTo(expected));
}
