using System.Net;
using SmtpShield.Options;
using SmtpShield.Options.Binding;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Tests.Options;

[TestFixture]
public sealed class ShieldConfigurationTests
{
    private static readonly HostFacts Host = new(
        "mx", [(IPAddress.Parse("127.0.0.1"), 8), (IPAddress.Parse("192.0.2.130"), 25), (IPAddress.IPv6Loopback, 128), (IPAddress.Parse("2001:db8::5"), 64)]);

    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "main.cf");

    [TearDown]
    public void RemoveFile() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    private ShieldConfiguration Open(string text, string[]? overrides = null, Dictionary<string, string>? environment = null, HostFacts? host = null)
    {
        File.WriteAllText(_path, text);
        return new ShieldConfiguration(_path, overrides ?? [], environment ?? [], host ?? Host);
    }

    private ShieldOptions Options(string text, string[]? overrides = null, Dictionary<string, string>? environment = null, HostFacts? host = null)
    {
        var result = Open(text, overrides, environment, host).Read();
        Assert.That(result.Errors, Is.Empty);
        return result.Options!;
    }

    private string[] Said(string text, ProblemSeverity severity) =>
        [.. Open(text).Read().Problems.WithoutHandoff().Where(problem => problem.Severity == severity)
            .Select(problem => problem.ToString().Replace(_path, "main.cf", StringComparison.Ordinal))];

    [Test]
    public void Read_EmptyFile_GivesTheDefaultsTheRecordsDocument()
    {
        var (options, documented) = (Options(""), new ShieldOptions());
        Assert.Multiple(() =>
        {
            Assert.That(options.Limits with { ClientEventLimitExceptions = AddressPatternList.Empty }, Is.EqualTo(documented.Limits));
            Assert.That(options.Anvil, Is.EqualTo(documented.Anvil));
            Assert.That(options.Log, Is.EqualTo(documented.Log));
            Assert.That(options.Upstream with { Destinations = [] }, Is.EqualTo(documented.Upstream with { Destinations = [] }));
            Assert.That(options.Listener with { Endpoints = [] }, Is.EqualTo(documented.Listener with { Endpoints = [] }));
            Assert.That(options.Smtpd.Timeout, Is.EqualTo(documented.Smtpd.Timeout));
            Assert.That(options.Smtpd.LineLengthLimit, Is.EqualTo(documented.Smtpd.LineLengthLimit));
            Assert.That(options.Smtpd.MyHostname, Is.EqualTo("mx.localdomain"));
            Assert.That(options.Upstream.Destinations, Is.EqualTo((UpstreamAddress[])[new("127.0.0.1", 10025)]));
            Assert.That(options.Listener.Endpoints, Is.EqualTo((IPEndPoint[])[new(IPAddress.Any, 25), new(IPAddress.IPv6Any, 25)]));
        });
    }

    // What sun_path of unix(7) has room for, with a process number behind it.
    [TestCase(96, true)]
    [TestCase(97, false)]
    public void Read_PathOfASocket_FitsIntoAnAddress(int length, bool isValid) =>
        Assert.That(Open($"shield_control_socket = /{new string('x', length - 1)}\n").Read().Options is not null, Is.EqualTo(isValid));

    [Test]
    public void Read_EveryKnownParameter_HasADefaultText() =>
        Assert.That(ParameterCatalog.All.Values.Where(definition => definition.DefaultText is null).Select(definition => definition.Name),
            Is.EqualTo((string[])["mydomain", "myhostname", "mynetworks"]));

    [Test]
    public void Read_DefaultsUnderStress_AreTheStressValues()
    {
        var stressed = Options("").UnderStress!;
        Assert.That((stressed.Smtpd.Timeout, stressed.Limits.HardErrorLimit, stressed.Limits.JunkCommandLimit), Is.EqualTo((TimeSpan.FromSeconds(10), 1, 1)));
    }

    [TestCase("", false), TestCase("stress =", false), TestCase("stress = yes", true), TestCase("submission/inet/stress = yes", false)]
    public void Read_StressThatIsWritten_IsForced(string text, bool isForced)
    {
        var options = Options("shield_services = smtp submission\n" + text);

        Assert.That((options.Services["smtp"].IsStressForced, options.Services["submission"].IsStressForced),
            Is.EqualTo((isForced, isForced || text.StartsWith("submission", StringComparison.Ordinal))));
    }

    [Test]
    public void Read_SeveralLayers_HigherOneWins()
    {
        const string file = "smtpd_soft_error_limit = 2\nsmtpd_hard_error_limit = 2\nsmtpd_junk_command_limit = 2\n";
        var environment = new Dictionary<string, string>
        {
            ["SMTPSHIELD_SMTPD_HARD_ERROR_LIMIT"] = "3",
            ["SMTPSHIELD_smtpd_junk_command_limit"] = "3",
            ["SMTPD_SOFT_ERROR_LIMIT"] = "3",
        };
        var limits = Options(file, ["smtpd_junk_command_limit=4", "smtpd_junk_command_limit = 5"], environment).Limits;
        Assert.That((limits.SoftErrorLimit, limits.HardErrorLimit, limits.JunkCommandLimit), Is.EqualTo((2, 3, 5)));
    }

    [TestCase("SMTPD_TIMEOUT"), TestCase("smtpd_timeout"), TestCase("SHIELD_LISTEN"), TestCase("ANVIL_RATE_TIME_UNIT")]
    public void Read_EnvironmentWithoutThePrefix_IsWarnedOf(string variable) =>
        Assert.That(Open("", environment: new() { [variable] = "60s", ["MYHOSTNAME"] = "x", ["SMTPD_PATH"] = "x" }).Read().Problems.WithoutHandoff()
            .Select(problem => problem.ToString()), Is.EqualTo(
            new[] { $"environment variable {variable}: {variable} has no effect (a variable that sets a parameter begins with SMTPSHIELD_: "
                + $"SMTPSHIELD_{variable})" }));

    // As postconf(1) finds the administrator's own names: postconf_user.c, postconf_dbms.c.
    [TestCase("smtpd_restriction_classes = strict, lax\nstrict = reject\nlax = permit\n")]
    [TestCase("smtpd_restriction_classes = $mine\nmine = strict lax\nstrict = reject\nlax = permit\n")]
    [TestCase("smtpd_restriction_classes = strict,lax\nstrict = check_policy_service $service\nlax = permit\nservice = inet:127.0.0.1:1\n")]
    [TestCase("submission/inet/smtpd_restriction_classes = strict\nstrict = reject\nshield_services = submission\n")]
    [TestCase("virtual_alias_maps = hash:/etc/aliases, proxy:ldap:users\nusers_server_host = localhost\nusers_search_base = dc=x\n")]
    [TestCase("virtual_alias_maps = pipemap:{mysql:sql,pgsql:more}\nsql_hosts = localhost\nmore_hosts = localhost\n")]
    [TestCase("policy_time_limit = 3600\nslow_destination_concurrency_limit = 1\n")]
    public void Read_NamePostfixLooksUpWithoutDollar_IsNotUnknown(string text) =>
        Assert.That(Open(text).Read().Problems.Where(problem => problem.Message.Contains("unknown parameter", StringComparison.Ordinal)), Is.Empty);

    [TestCase("smtpd_restriction_classes = strict\nstrickt = reject\n", "strickt")]
    [TestCase("virtual_alias_maps = ldap:/etc/postfix/users.cf\nusers_server_host = localhost\n", "users_server_host")]
    [TestCase("virtual_alias_maps = hash:users\nusers_server_host = localhost\n", "users_server_host")]
    public void Read_NameNothingLooksUp_IsUnknown(string text, string name) =>
        Assert.That(Open(text).Read().Problems.Select(problem => problem.Message), Has.One.EqualTo($"unknown parameter: {name}"));

    [Test]
    public void Read_NameInOtherCase_DoesNotSetTheParameter() =>
        Assert.That(Options("SMTPD_TIMEOUT = 5\n").Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(300)));

    [TestCase("mx", "", "mx.localdomain")]
    [TestCase("mx.example.com", "", "mx.example.com")]
    [TestCase("mx", "mydomain = example.org", "mx.example.org")]
    [TestCase("mx", "myhostname = a.$mydomain\nmydomain = example.org", "a.example.org")]
    public void Read_MyHostname_IsTheHostsAsPostfixComputesIt(string host, string text, string expected) =>
        Assert.That(Options(text, host: Host with { HostName = host }).Smtpd.MyHostname, Is.EqualTo(expected));

    [Test]
    public void Read_MyHostnameAndMyDomainThatReferToEachOther_EndsInTheLastResortDomain() =>
        Assert.That(Options("myhostname = $mydomain\n").Smtpd.MyHostname, Is.EqualTo("localdomain"));

    [TestCase("", "192.0.2.130", true)]
    [TestCase("", "192.0.2.131", false)]
    [TestCase("", "2001:db8::5", true)]
    [TestCase("", "2001:db8::6", false)]
    [TestCase("mynetworks_style = subnet", "192.0.2.131", true)]
    [TestCase("mynetworks_style = subnet", "192.0.2.127", false)]
    [TestCase("mynetworks_style = subnet", "2001:db8::6", true)]
    [TestCase("mynetworks_style = class", "192.0.2.1", true)]
    [TestCase("mynetworks = 10.0.0.0/8", "192.0.2.130", false)]
    [TestCase("mynetworks = 10.0.0.0/8", "10.1.1.1", true)]
    // ${a:b} is b when $a is empty, and else nothing: setting the name Postfix 2.2 used has exempted nobody since.
    [TestCase("smtpd_client_connection_limit_exceptions = 10.0.0.1", "10.0.0.1", false)]
    [TestCase("smtpd_client_connection_limit_exceptions = 10.0.0.1", "192.0.2.130", false)]
    [TestCase("smtpd_client_event_limit_exceptions =", "127.0.0.1", false)]
    public void Read_EventLimitExceptions_DefaultToMyNetworks(string text, string client, bool expected) =>
        Assert.That(Options(text).Limits.ClientEventLimitExceptions.Matches(IPAddress.Parse(client), "unknown"), Is.EqualTo(expected));

    [TestCase("smtpd_soft_error_limit = x", "main.cf, line 1: bad numerical configuration: smtpd_soft_error_limit = x (write a whole number of at least 1)")]
    [TestCase("smtpd_soft_error_limit =", "main.cf, line 1: bad numerical configuration: smtpd_soft_error_limit =  (write a whole number of at least 1)")]
    [TestCase("\nsmtpd_soft_error_limit = 0", "main.cf, line 2: invalid smtpd_soft_error_limit parameter value 0 < 1 (write a whole number of at least 1)")]
    [TestCase("smtpd_client_connection_count_limit = -1",
        "main.cf, line 1: invalid smtpd_client_connection_count_limit parameter value -1 < 0 (write a whole number of at least 0)")]
    [TestCase("line_length_limit = 70000", "main.cf, line 1: invalid line_length_limit parameter value 70000 > 32768 (write a whole number of at most 32768)")]
    [TestCase("smtpd_timeout = 0", "main.cf, line 1: invalid smtpd_timeout: 0 (min 1)")]
    [TestCase("smtpd_timeout = 8w", "main.cf, line 1: invalid smtpd_timeout: 4838400 (max 4233600)")]
    [TestCase("smtpd_timeout = 5x", "main.cf, line 1: parameter smtpd_timeout: bad time value or unit: 5x (write a whole number and one of s, m, "
        + "h, d, w, as in 30s)")]
    [TestCase("smtpd_timeout = ${stress?{x}:{300}}s", "main.cf, line 1: parameter smtpd_timeout: bad time value or unit: "
        + "xs (write a whole number and one of s, m, h, d, w, as in 30s)")]
    [TestCase("smtpd_timeout = ${stress", "main.cf, line 1: smtpd_timeout: truncated macro reference: \"${stress\"")]
    [TestCase("shield_upstream = mta", "main.cf, line 1: shield_upstream: bad endpoint: mta (write host:port, address:port or [IPv6 address]:port)")]
    [TestCase("shield_upstream =", "main.cf, line 1: bad string length 0 < 1: shield_upstream = (write host:port, address:port or [IPv6 address]:port)")]
    [TestCase("shield_upstream = 127.0.0.1:25", "main.cf, line 1: shield_upstream: 127.0.0.1:25 loops back to shield_listen (give the MTA another port, "
        + "as in 127.0.0.1:10025)")]
    [TestCase("shield_listen = localhost:25", "main.cf, line 1: shield_listen: bad endpoint: localhost:25 (write address:port or [IPv6 address]:port)")]
    [TestCase("shield_listen = ::1:25", "main.cf, line 1: shield_listen: bad endpoint: ::1:25 (write address:port or [IPv6 address]:port)")]
    [TestCase("myhostname = a b", "main.cf, line 1: bad parameter value: myhostname = a b (write a fully qualified host name, as in mail.example.com)")]
    [TestCase("syslog_facility = post", "main.cf, line 1: bad parameter value: syslog_facility = post (write a syslog facility: mail, daemon, "
        + "local0 to local7, ...)")]
    [TestCase("maillog_file = log", "main.cf, line 1: bad parameter value: maillog_file = log (write the full path of a file)")]
    [TestCase("shield_control_socket = control.sock", "main.cf, line 1: bad parameter value: shield_control_socket = control.sock "
        + "(write the full path of a socket, of at most 96 octets; empty for none)")]
    [TestCase("mynetworks_style = net", "main.cf, line 1: bad parameter value: mynetworks_style = net (write host, subnet or class)")]
    [TestCase("mynetworks = 10.0.0.1/8",
        "main.cf, line 1: mynetworks: non-null host address bits in \"10.0.0.1/8\", perhaps you should use \"10.0.0.0/8\" instead")]
    [TestCase("smtpd_upstream_proxy_protocol = haproxy", "main.cf, line 1: smtpd_upstream_proxy_protocol = haproxy needs shield_proxy_sources: "
        + "anybody else could say he is somebody else (write shield_proxy_sources = ADDRESS, the proxy's address or network)")]
    [TestCase("foo", "main.cf, line 1: missing '=' after attribute name: \"foo\" (write name = value)")]
    public void Read_WrongValue_IsNamedOnceWithPlaceAndRemedy(string text, string expected) =>
        Assert.That(Said(text, ProblemSeverity.Error), Is.EqualTo((string[])[expected]));

    [Test]
    public void Read_SeveralErrors_NamesAllAndGivesNoOptions()
    {
        var result = Open("smtpd_timeout = x\nfoo\nsmtpd_soft_error_limit = 0\n").Read();
        Assert.That(result.Options, Is.Null);
        Assert.That(result.Errors.Select(error => error.Location.Line), Is.EqualTo((int[])[1, 2, 3]));
    }

    [Test]
    public void Read_MissingFile_IsAnError()
    {
        var result = ShieldConfiguration.Load("/nonexistent/main.cf", []);
        Assert.That(result.Errors.Single().Message, Is.EqualTo("open /nonexistent/main.cf: No such file or directory"));
    }

    [Test]
    public void Read_Directory_MeansItsMainCf()
    {
        File.WriteAllText(_path, "smtpd_soft_error_limit = 7\n");
        Assert.That(ShieldConfiguration.Load(Path.GetDirectoryName(_path)!, []).Options!.Limits.SoftErrorLimit, Is.EqualTo(7));
    }

    [Test]
    public void Read_WrongOverride_IsAnErrorOfTheCommandLine() =>
        Assert.That(Open("", ["foo", "smtpd_timeout=x"]).Read().Errors.Select(error => error.ToString()), Is.EqualTo((string[])[
            "command line option -o: invalid parameter override: foo: missing '=' after attribute name (write -o name=value)",
            "command line option -o: parameter smtpd_timeout: bad time value or unit: x (write a whole number and one of s, m, h, d, w, as in 30s)"]));

    [Test]
    public void Read_WrongEnvironmentVariable_IsNamed() =>
        Assert.That(Open("", environment: new() { ["SMTPSHIELD_SMTPD_TIMEOUT"] = "x" }).Read().Errors.Single().ToString(),
            Does.StartWith("environment variable SMTPSHIELD_SMTPD_TIMEOUT: "));

    [TestCase("smtpd_timout = 5", "main.cf, line 1: unknown parameter: smtpd_timout (did you mean smtpd_timeout?)")]
    [TestCase("SMTPD_TIMEOUT = 5", "main.cf, line 1: unknown parameter: SMTPD_TIMEOUT (did you mean smtpd_timeout?)")]
    [TestCase("shield_time_limit = 5", "main.cf, line 1: unknown parameter: shield_time_limit (nothing refers to it; remove it)")]
    [TestCase("smtpd_timeout = 5$nix", "main.cf, line 1: smtpd_timeout: undefined parameter: nix (it expands to nothing)")]
    [TestCase("smtpd_timeout = ${strss?{1}:{2}}s", "main.cf, line 1: smtpd_timeout: undefined parameter: strss (did you mean $stress?)")]
    public void Read_UnknownName_IsWarnedOfWithTheNearest(string text, string expected) =>
        Assert.That(Said(text, ProblemSeverity.Warning), Is.EqualTo((string[])[expected]));

    [TestCase("relayhost = [mx]", 1)]
    [TestCase("smtpd_banner = $myhostname $mail_name", 1)]
    [TestCase("dovecot_destination_recipient_limit = 1", 1)]
    [TestCase("tls_required_enable = yes", 1)]
    [TestCase("relayhost = mta:25\nshield_upstream = $relayhost", 0)]
    [TestCase("mine = mta:25\nshield_upstream = $mine", 0)]
    public void Read_NameOfPostfixOrOnesOwn_IsANoteOrNothing(string text, int notes)
    {
        Assert.That(Said(text, ProblemSeverity.Note), Has.Length.EqualTo(notes));
        Assert.That(Said(text, ProblemSeverity.Warning), Is.Empty);
    }

    [Test]
    public void Read_EnvironmentOfAnOrchestrator_IsNotWarnedOf() =>
        Assert.That(Open("", environment: new() { ["SMTPSHIELD_SERVICE_HOST"] = "10.0.0.1", ["SMTPSHIELD_PORT_25_TCP"] = "x" })
            .Read().Problems.WithoutHandoff(), Is.Empty);

    [Test]
    public void Reload_ChangedFile_FiresTheTokenOfTheValues()
    {
        var configuration = Open("smtpd_timeout = 5\n");
        var fired = false;
        using var registration = configuration.Values.GetReloadToken().RegisterChangeCallback(_ => fired = true, null);
        File.WriteAllText(_path, "smtpd_timeout = 6\n");
        Assert.That(configuration.Reload().Options!.Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(6)));
        Assert.That((fired, configuration.Values["smtpd_timeout"]), Is.EqualTo((true, "6")));
    }

    [Test, CancelAfter(30000)]
    public void Read_RandomBytes_GivesAResultInBoundedTime()
    {
        const string alphabet = "a=$\n{} #smtpd_timeout=:?\t\0\r\"";
        var random = new Random(3);
        for (var i = 0; i < 300; i++)
        {
            var bytes = new byte[random.Next(400)];
            random.NextBytes(bytes);
            if (i % 2 == 0)
                bytes = [.. bytes.Select(octet => (byte)alphabet[octet % alphabet.Length])];
            File.WriteAllBytes(_path, bytes);
            Assert.That(() => new ShieldConfiguration(_path, [], new Dictionary<string, string>(), Host).Read(), Throws.Nothing, Convert.ToHexString(bytes));
        }
    }

    [Test]
    public void Bind_AllOptions_AreFoundInTheCatalog()
    {
        var properties = ParameterCatalog.Parts.SelectMany(part => part.PropertyType.GetProperties().Where(property => property.CanWrite)).ToList();
        Assert.That(properties.Where(property => ParameterCatalog.NameOf(property) is null), Is.Empty);
        Assert.That(properties, Has.Count.EqualTo(ParameterDefaults.Options.Count + 1));
    }

    [Test]
    public void ProblemList_SameTextForTwoParameters_IsKeptOnce()
    {
        var problems = new ProblemList
        {
            ConfigurationProblem.Error(default, "a", "a: wrong"),
            ConfigurationProblem.Error(default, "b", "b: wrong"),
            ConfigurationProblem.Warning(default, "b", "b: wrong"),
        };
        Assert.That(problems, Has.Count.EqualTo(2));
    }
}
