using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>What an administrator must have read before it hurts is on the page of the task.</summary>
public sealed class WarningTests
{
    [TestCase("end-tls-at-the-shield.md", "TLSA", "MTA-STS")]
    [Property("Hazard", "TLS-14")]
    public void Page_OfTheCertificate_SaysInWhichOrderItIsReplaced(string page, params string[] words) =>
        Assert.That(words.Where(word => !Repository.Read($"docs/tasks/{page}").Contains(word, StringComparison.Ordinal)), Is.Empty);

    [TestCase("never authenticates")]
    [Property("Hazard", "AUTH-10")]
    public void Page_OfTheHandoff_SaysThatNobodyIsAuthenticatedByIt(string words) =>
        Assert.That(Repository.Read("docs/tasks/tell-the-mta-who-the-client-is.md"), Does.Contain(words));

    [TestCase("reference/tls-modes.md")]
    [Property("Hazard", "TLS-15")]
    public void Page_OfTlsModes_SaysWhereTheShieldIsBlind(string page) =>
        Assert.That(Repository.Read($"docs/{page}"), Does.Contain("passthrough").And.Contain("the shield sees octets it can't read"));
}
