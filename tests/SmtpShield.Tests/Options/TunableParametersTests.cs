using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Tests.Options;

/// <summary>Every parameter may be set on the running shield, or it is said why not; and no value is a way to a file.</summary>
[Property("Operations", "OPS-33")]
public sealed class TunableParametersTests
{
    private static IEnumerable<string> All => ParameterCatalog.All.Keys;

    private static IEnumerable<string> Tunable => TunableParameters.Names;

    [TestCaseSource(nameof(All))]
    public void Parameter_IsTunableOrItIsSaidWhyNot(string name) => Assert.That(
        TunableParameters.Contains(name), Is.Not.EqualTo(TunableParameters.Others.ContainsKey(name)), "a line in TunableParameters, in one of its two lists");

    [Test]
    public void Names_OfBothLists_AreParameters() => Assert.That(TunableParameters.Names.Concat(TunableParameters.Others.Keys).Except(All), Is.Empty);

    // What could name a file, an MTA or an end point is a text, or a list of them.
    [TestCaseSource(nameof(Tunable))]
    public void Tunable_IsANumberATimeAWordOrAListOfClients(string name)
    {
        var type = ParameterCatalog.All[name].ValueType;
        Assert.That(type == typeof(int) || type == typeof(TimeSpan) || type == typeof(bool) || type.IsEnum || type == typeof(AddressPatternList)
            || type == typeof(ShadowList) || name is "stress" or "shield_ban_rules", Is.True, $"{type}");
    }

    [TestCaseSource(nameof(Tunable))]
    public void Value_WithNewlinesOtherReferencesOrVeryLong_IsRefusedAndNothingOfItSaid(string name)
    {
        foreach (var value in (string[])[
            "5\nshield_listen = 0.0.0.0:1", "5\r", "5\0", "\u001b[31m5", "5\u202e", "5\u00e9", new('5', 1001), new('5', 1 << 20), "$(x)", "$smtpd_tls_key_file",
            "${smtpd_tls_key_file}", "${stress?{$smtpd_tls_key_file}:{5}}", "${{$maillog_file} == {x} ? {1} : {2}}"])
        {
            var whyNot = RunTimeValue.WhyNot(ParameterCatalog.All[name], value);
            Assert.That(whyNot, Is.Not.Null, value);
            Assert.That($"{whyNot}", Does.Not.Contain(value).And.Not.Contain("tls_key").And.Not.Contain("maillog"));
        }
    }

    [TestCase("cidr:/etc/passwd")]
    [TestCase("!cidr:/etc/passwd")]
    [TestCase("192.0.2.0/24, /etc/passwd")]
    [TestCase("!!/etc/passwd")]
    [TestCase("hash:/etc/aliases")]
    [TestCase("static:all")]
    [TestCase("cidr:{{0.0.0.0/0 x}}")]
    [TestCase("{/etc/passwd}")]
    [TestCase("$mynetworks/../shadow")]
    [TestCase("${mynetworks}.old")]
    [TestCase("/etc$mynetworks")]
    [TestCase("${stress?{/etc/passwd}:{/etc/passwd}}")]
    [TestCase("$smtpd_client_event_limit_exceptions")]
    [TestCase("$$mynetworks")]
    public void List_WithAWayToAFile_IsRefused(string value)
    {
        foreach (var name in (string[])["smtpd_client_event_limit_exceptions", "shield_proxy_event_limit_exceptions"])
            Assert.That(RunTimeValue.WhyNot(ParameterCatalog.All[name], value), Is.Not.Null);
    }

    [TestCase("smtpd_forbidden_commands=/etc/passwd")]
    [TestCase("{ smtpd_forbidden_commands = cidr:x }")]
    [TestCase("all /etc/passwd")]
    public void Shadow_WithAWayToAFile_IsRefused(string value) =>
        Assert.That(RunTimeValue.WhyNot(ParameterCatalog.All["shield_shadow"], value)?.Message, Does.EndWith("may not name files and tables"));

    [TestCase("/etc/passwd")]
    [TestCase("smtpd_hard_error_limit, hash:/etc/aliases")]
    [TestCase("$shield_ban_rules")]
    public void BanRules_WithAWayToAFile_AreRefused(string value) =>
        Assert.That(RunTimeValue.WhyNot(ParameterCatalog.All["shield_ban_rules"], value), Is.Not.Null);

    [TestCase("shield_ban_rules", "smtpd_hard_error_limit, shield_client_error_rate_limit")]
    [TestCase("shield_shadow", "all !smtpd_hard_error_limit smtpd_client_connection_rate_limit=5")]
    [TestCase("smtpd_client_event_limit_exceptions", "")]
    [TestCase("smtpd_client_event_limit_exceptions", "$mynetworks, 192.0.2.0/24 !192.0.2.7 [2001:db8::]/32 mail.example.com .example.net")]
    [TestCase("smtpd_client_event_limit_exceptions", "!${mynetworks} $(mynetworks)")]
    [TestCase("smtpd_hard_error_limit", "${stress?{1}:{20}}")]
    [TestCase("smtpd_soft_error_limit", "$smtpd_hard_error_limit")]
    [TestCase("smtpd_timeout", "30s")]
    [TestCase("stress", "yes")]
    [TestCase("stress", "")]
    public void Value_ThatMayBe_IsLeftToTheConfiguration(string name, string value) =>
        Assert.That(RunTimeValue.WhyNot(ParameterCatalog.All[name], value), Is.Null);

    // As in Postfix any text is stress, "no" too.
    [TestCase("no")]
    [TestCase("0")]
    public void Stress_OfAnotherWord_IsRefused(string value) => Assert.That(RunTimeValue.WhyNot(ParameterCatalog.All["stress"], value), Is.Not.Null);
}
