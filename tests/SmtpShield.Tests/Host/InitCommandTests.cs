using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Tls;

namespace SmtpShield.Tests.Host;

/// <summary><c>smtpshield init</c>: what it writes is a configuration, and what is there stays there.</summary>
[TestFixture]
public sealed class InitCommandTests
{
    private string _directory = "";

    private string Target => Path.Combine(_directory, "main.cf");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-init-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("postfix", ClientHandoff.ProxyV2, 90)]
    [TestCase("exchange", ClientHandoff.Transparent, 18)]
    [TestCase("other", ClientHandoff.None, 90)]
    public void Init_OfOptions_WritesWhatCheckTakes(string kind, ClientHandoff handoff, int sessions)
    {
        var chain = Path.Combine(_directory, "chain.pem");
        File.WriteAllText(chain, TestCertificate.Make("mail.example.com").Chain);
        var (status, output) = Run(null, "--mta", "192.0.2.25:2525", "--kind", kind, "--balancers", "192.0.2.8, 192.0.2.9", "--certificate", chain,
            "--hostname", "mail.example.com");
        var options = ShieldConfiguration.Load(Target, []).Options!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That((status, output), Is.EqualTo((0, $"{Target}: written\nnext: smtpshield check -c {Target}\n")));
            Assert.That(CheckCommand.Create().Parse(["-c", Target]).Invoke(new() { Output = TextWriter.Null, Error = TextWriter.Null }), Is.Zero);
            Assert.That(options.Upstream, Is.EqualTo(options.Upstream with { ClientHandoff = handoff, SessionLimit = sessions }));
            Assert.That(options.Upstream.Destinations, Is.EqualTo([new UpstreamAddress("192.0.2.25", 2525)]));
            Assert.That(options.Smtpd.MyHostname, Is.EqualTo("mail.example.com"));
            Assert.That(options.Tls.ChainFiles, Is.EqualTo([chain]));
            Assert.That((options.Proxy.Protocol, options.Proxy.Sources.Matches(System.Net.IPAddress.Parse("192.0.2.9"), "")),
                Is.EqualTo((UpstreamProxyProtocol.Haproxy, true)));
        }
    }

    // In force are Postfix's defaults; all else is judged only.
    [Test]
    public void Init_WithoutOptions_HasItsLimitsInShadow()
    {
        Assert.That(Run(null).Status, Is.Zero);
        var options = ShieldConfiguration.Load(Target, []).Options!;

        Assert.That(options.Limits, Is.EqualTo(new SmtpdLimitOptions { ClientEventLimitExceptions = options.Limits.ClientEventLimitExceptions }));
        Assert.That(options.InShadow!.Limits, Is.EqualTo(options.InShadow.Limits with
        {
            ClientConnectionRateLimit = 60, ClientMessageRateLimit = 100, ClientRecipientRateLimit = 500, ClientAuthRateLimit = 20,
            ClientAuthFailureRateLimit = 10, ClientErrorRateLimit = 60,
        }));
    }

    [Test]
    public void Init_OfAnswers_AsksWhatNoOptionSays()
    {
        var asked = new List<string>();
        var (status, _) = Run(
            (question, otherwise) =>
            {
                asked.Add($"{question} {otherwise}");
                return question.StartsWith("What is it", StringComparison.Ordinal) ? "Other"
                    : question.Contains("balancers", StringComparison.Ordinal) ? "none" : "";
            },
            "--hostname", "mail.example.com");
        var options = ShieldConfiguration.Load(Target, []).Options!;

        Assert.That((status, options.Upstream.ClientHandoff, options.Proxy.Protocol), Is.EqualTo((0, ClientHandoff.None, UpstreamProxyProtocol.None)));
        Assert.That(asked, Has.Count.EqualTo(4).And.One.EqualTo("Where does the MTA listen? 127.0.0.1:10025"));
    }

    [Test]
    public void Init_FileThatIsThere_StaysUnlessForced()
    {
        File.WriteAllText(Target, "smtpd_timeout = 5\n");
        Assert.That(Run(null), Is.EqualTo((1, $"error: {Target}: exists already and was left as it is; give another name, or --force to replace it\n"
            + "nothing was written\n")));
        Assert.That(File.ReadAllText(Target), Is.EqualTo("smtpd_timeout = 5\n"));

        Assert.That(Run(null, "--force").Status, Is.Zero);
        File.Copy(Repository.PathOf("deploy/smtpshield/main.cf"), Target, overwrite: true);
        Assert.That(Run(null).Status, Is.Zero, "the sample, unchanged");
    }

    [TestCase("--mta", "127.0.0.1:25", "error: init: shield_upstream: 127.0.0.1:25 loops back to shield_listen")]
    [TestCase("--mta", "a.example:25\nsmtpd_timeout = 1", "--mta: one line")]
    [TestCase("--balancers", "192.0.2.0/99", "error: init: ")]
    public void Init_WrongAnswer_WritesNothing(string option, string value, string expected)
    {
        var (status, output) = Run(null, option, value);

        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.StartWith(expected));
        Assert.That(File.Exists(Target), Is.False);
    }

    private (int Status, string Output) Run(Func<string, string, string?>? ask, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var status = InitCommand.Create(ask).Parse(["-o", Target, .. arguments]).Invoke(new() { Output = output, Error = output });
        return (status, output.ToString());
    }
}
