using System.Net;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Tests.Options;

/// <summary><c>shield_shadow</c>: what it takes, what it refuses and why, and what is enforced then.</summary>
[TestFixture, Property("Operations", "OPS-19")]
public sealed class ShadowConfigurationTests
{
    private static readonly HostFacts Host = new("mx", [(IPAddress.Parse("127.0.0.1"), 8)]);

    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "main.cf");

    [TearDown]
    public void RemoveFile() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Test]
    public void Read_Empty_JudgesNothing() => Assert.That(Options("").InShadow, Is.Null);

    [Test]
    public void Read_Name_HasNoEffectAndIsJudged()
    {
        var options = Options("smtpd_client_connection_rate_limit = 60\nshield_shadow = smtpd_client_connection_rate_limit, smtpd_hard_error_limit");
        var limits = options.Limits;
        Assert.That((limits.ClientConnectionRateLimit, limits.HardErrorLimit, limits.SoftErrorLimit), Is.EqualTo((0, int.MaxValue, 10)));
        var judged = options.InShadow!.Limits;
        Assert.That((judged.ClientConnectionRateLimit, judged.HardErrorLimit, judged.SoftErrorLimit, judged.ClientConnectionCountLimit),
            Is.EqualTo((60, 20, int.MaxValue, 0)));
    }

    [Test]
    public void Read_NameWithValue_IsJudgedBesideTheOneInForce()
    {
        var options = Options("smtpd_client_connection_rate_limit = 60\nshield_shadow = smtpd_client_connection_rate_limit=5");
        Assert.That((options.Limits.ClientConnectionRateLimit, options.InShadow!.Limits.ClientConnectionRateLimit), Is.EqualTo((60, 5)));
    }

    [Test]
    public void Read_All_TakesTheEffectOfAllButThoseExcludedOrWithAValue()
    {
        var options = Options("shield_shadow = all !smtpd_soft_error_limit { smtpd_forbidden_commands = GET POST } shield_session_time_limit=1h");
        var limits = options.Limits;
        Assert.That((limits.ClientConnectionCountLimit, limits.SoftErrorLimit, limits.HardErrorLimit, options.Smtpd.ForbidUnauthPipelining),
            Is.EqualTo((0, 10, int.MaxValue, false)));
        var judged = options.InShadow!;
        Assert.That((judged.Limits.ClientConnectionCountLimit, judged.Limits.SoftErrorLimit, judged.Smtpd.ForbidUnauthPipelining,
            judged.Smtpd.SessionTimeLimit), Is.EqualTo((50, int.MaxValue, true, TimeSpan.FromHours(1))));
        Assert.That((options.Smtpd.ForbiddenCommands.Contains("CONNECT"u8), judged.Smtpd.ForbiddenCommands.Contains("CONNECT"u8),
            judged.Smtpd.ForbiddenCommands.Contains("GET"u8)), Is.EqualTo((true, false, true)));
    }

    [Test]
    public void Read_UnderStress_JudgesTheStressValues()
    {
        var options = Options("shield_shadow = smtpd_hard_error_limit");
        Assert.That((options.InShadow!.Limits.HardErrorLimit, options.When(isUnderStress: true).InShadow!.Limits.HardErrorLimit), Is.EqualTo((20, 1)));
        Assert.That(options.When(isUnderStress: true).Limits.HardErrorLimit, Is.EqualTo(int.MaxValue));
    }

    [Test]
    public void Read_OfAService_IsItsOwn()
    {
        var options = Options("shield_services = smtp submission\nsubmission/inet/shield_shadow = all");
        Assert.That((options.Of("smtp").InShadow, options.Of("submission").InShadow), Is.EqualTo(((ShadowLimits?)null, options.Of("submission").InShadow)));
        Assert.That(options.Of("submission").InShadow, Is.Not.Null);
    }

    [TestCaseSource(nameof(Rules))]
    public void Split_EachRule_IsOffInForceAndKeepsItsValueInShadow(string name)
    {
        var options = Options($"shield_shadow = {name}");
        var plain = Options("");
        var rule = ShadowRules.All[ShadowRules.IndexOf(name)];
        Assert.That(rule.Of(ShadowLimits.EnforcedBy(options)), Is.EqualTo(rule.Off));
        var (was, judged) = (rule.Of(ShadowLimits.EnforcedBy(plain)), rule.Of(options.InShadow!));
        Assert.That(rule.Describe(judged), Is.EqualTo(rule.Describe(was)));
    }

    [TestCaseSource(nameof(Rules))]
    public void Rules_EachOne_IsAParameterAndARuleOfTheMetrics(string name)
    {
        Assert.That(ParameterCatalog.All.Keys, Does.Contain(name));
        Assert.That(LimitRules.All.Append(LimitRules.Bans), Does.Contain(name));
    }

    [TestCase("smtpd_client_conection_rate_limit",
        "shield_shadow: no such limit: smtpd_client_conection_rate_limit (did you mean smtpd_client_connection_rate_limit?)")]
    [TestCase("smtpd_timeout", "shield_shadow: smtpd_timeout can't be in shadow: it protects the shield itself, and has to act (take it out)")]
    [TestCase("smtpd_forbid_bare_newline",
        "shield_shadow: smtpd_forbid_bare_newline can't be in shadow: it keeps a second message from being smuggled in, and has to act (take it out)")]
    [TestCase("syslog_name", "shield_shadow: syslog_name can't be in shadow: it is no limit that clients hit (take it out)")]
    [TestCase("smtpd_soft_error_limit=0", "invalid smtpd_soft_error_limit parameter value 0 < 1 (write a whole number of at least 1)")]
    [TestCase("smtpd_client_auth_rate_limit=x", "bad numerical configuration: smtpd_client_auth_rate_limit = x (write a whole number of at least 0)")]
    [TestCase("smtpd_client_auth_rate_limit=0",
        "shield_shadow: smtpd_client_auth_rate_limit=0 switches it off, so there is nothing to judge "
        + "(write a value that limits something, or leave smtpd_client_auth_rate_limit out)")]
    [TestCase("all all", "shield_shadow: all is listed more than once (keep one of them)")]
    [TestCase("smtpd_helo_required smtpd_helo_required=yes", "shield_shadow: smtpd_helo_required is listed more than once (keep one of them)")]
    [TestCase("!smtpd_helo_required",
        "shield_shadow: !smtpd_helo_required takes it out of nothing (write all before it, or leave it out: what is not named is in force)")]
    [TestCase("all !smtpd_hard_error_limit=3",
        "shield_shadow: !smtpd_hard_error_limit=3 takes a value and takes it out (write !smtpd_hard_error_limit, or smtpd_hard_error_limit=3)")]
    public void Read_WhatCannotBe_IsAnErrorThatSaysWhy(string value, string error) =>
        Assert.That(Said($"shield_shadow = {value}", ProblemSeverity.Error), Is.EqualTo(new[] { $"main.cf, line 1: {error}" }).AsCollection);

    [Test]
    public void Read_NameOfALimitThatIsOff_IsAWarning() => Assert.That(
        Said("shield_shadow = smtpd_client_auth_rate_limit", ProblemSeverity.Warning),
        Is.EqualTo(new[] { "main.cf, line 1: shield_shadow: smtpd_client_auth_rate_limit is off, so there is nothing to judge "
            + "(write smtpd_client_auth_rate_limit=VALUE to judge a value beside it)" }).AsCollection);

    private static IEnumerable<string> Rules => ShadowRules.All.Select(static rule => rule.Name);

    private ShieldConfiguration Open(string text)
    {
        File.WriteAllText(_path, text + "\n");
        return new ShieldConfiguration(_path, [], new Dictionary<string, string>(), Host);
    }

    private ShieldOptions Options(string text)
    {
        var result = Open(text).Read();
        Assert.That(result.Errors, Is.Empty);
        return result.Options!;
    }

    private string[] Said(string text, ProblemSeverity severity) => [.. Open(text).Read().Problems.WithoutHandoff()
        .Where(problem => problem.Severity == severity).Select(problem => problem.ToString().Replace(_path, "main.cf", StringComparison.Ordinal))];
}
