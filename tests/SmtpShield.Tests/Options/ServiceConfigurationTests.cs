using System.Net;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Tests.Options;

/// <summary>Several services in one file: who has which value, and what is refused.</summary>
[TestFixture]
public sealed class ServiceConfigurationTests
{
    private static readonly HostFacts Host = new("mx", [(IPAddress.Parse("127.0.0.1"), 8)]);

    private string _path = "";

    [SetUp]
    public void MakeFile() => _path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "main.cf");

    [TearDown]
    public void RemoveFile() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    private ShieldConfiguration Open(string text, params string[] overrides)
    {
        File.WriteAllText(_path, text);
        return new ShieldConfiguration(_path, overrides, new Dictionary<string, string>(), Host);
    }

    private ShieldOptions Options(string text, params string[] overrides)
    {
        var result = Open("shield_services = smtp submission\n" + text, overrides).Read();
        Assert.That(result.Errors, Is.Empty);
        return result.Options!;
    }

    private string[] Said(string text, ProblemSeverity severity) =>
        [.. Open(text).Read().Problems.WithoutHandoff().Where(problem => problem.Severity == severity)
            .Select(problem => problem.ToString().Replace(_path, "main.cf", StringComparison.Ordinal))];

    private static string Listening(ShieldOptions options, string service) => string.Join(' ', options.Of(service).Listener.Endpoints);

    [TestCase("", "10 10 10")]
    [TestCase("smtpd_soft_error_limit = 2", "2 2 2")]
    [TestCase("submission/inet/smtpd_soft_error_limit = 3", "10 10 3")]
    [TestCase("smtpd_soft_error_limit = 2\nsubmission/inet/smtpd_soft_error_limit = 3", "2 2 3")]
    [TestCase("submission/inet/smtpd_soft_error_limit = 3\nsmtp/inet/smtpd_soft_error_limit = 4\nsmtpd_soft_error_limit = 2", "2 4 3")]
    public void Read_ValueOfAService_IsItsOwn(string text, string expected)
    {
        var options = Options(text);
        Assert.That($"{options.Limits.SoftErrorLimit} {options.Of("smtp").Limits.SoftErrorLimit} {options.Of("submission").Limits.SoftErrorLimit}",
            Is.EqualTo(expected));
    }

    [TestCase("", "0.0.0.0:25 [::]:25", "0.0.0.0:587 [::]:587")]
    [TestCase("submission/inet/shield_listen = 192.0.2.1:587", "0.0.0.0:25 [::]:25", "192.0.2.1:587")]
    [TestCase("shield_listen = 192.0.2.1:25\nsubmission/inet/shield_listen = 192.0.2.1:2587", "192.0.2.1:25", "192.0.2.1:2587")]
    [TestCase("shield_listen = 192.0.2.1:2587\nsmtp/inet/shield_listen = 192.0.2.1:25", "192.0.2.1:25", "192.0.2.1:2587")]
    public void Read_Listen_IsTheServicesThenTheGeneralThenItsNames(string text, string smtp, string submission)
    {
        var options = Options(text);
        Assert.That((Listening(options, "smtp"), Listening(options, "submission")), Is.EqualTo((smtp, submission)));
    }

    [TestCase("submission", "0.0.0.0:587 [::]:587")]
    [TestCase("2525", "0.0.0.0:2525 [::]:2525")]
    [TestCase("192.0.2.1:2525", "192.0.2.1:2525")]
    [TestCase("[2001:db8::1]:2525", "[2001:db8::1]:2525")]
    [TestCase("mx", "0.0.0.0:25 [::]:25")]
    [TestCase("70000", "0.0.0.0:25 [::]:25")]
    public void Read_NameOfAService_SaysWhereItListens(string name, string expected)
    {
        var result = Open($"shield_services = {name}\n").Read();
        Assert.That(result.Problems.WithoutHandoff(), Is.Empty);
        Assert.That(Listening(result.Options!, name), Is.EqualTo(expected));
    }

    [TestCase("smtps")]
    [TestCase("submissions")]
    public void Read_Smtps_SpeaksTlsFirst(string name)
    {
        Assert.That(Said($"shield_services = smtp {name}\n", ProblemSeverity.Error), Is.EqualTo((string[])[
            $"built-in default: service {name}: smtpd_tls_wrappermode = yes needs a certificate (write smtpd_tls_chain_files = FILE, "
                + "and smtpd_tls_security_level = may or encrypt)"]));
        var options = Open($"shield_services = smtp {name}\n{name}/inet/smtpd_tls_wrappermode = no\n").Read().Options!;
        Assert.That((options.Of(name).Tls.WrapperMode, Listening(options, name)), Is.EqualTo((false, "0.0.0.0:465 [::]:465")));
    }

    // As Postfix has it with -o: the service's value takes the place of the general one wherever it is referred to.
    [TestCase("mine = 2\nsmtpd_soft_error_limit = $mine\nsubmission/inet/mine = 3", 2, 3)]
    [TestCase("smtpd_soft_error_limit = $smtpd_recipient_limit\nsubmission/inet/smtpd_recipient_limit = 3", 1000, 3)]
    [TestCase("a = $b\nb = 2\nsmtpd_soft_error_limit = $a\nsubmission/inet/b = 3", 2, 3)]
    [TestCase("smtpd_soft_error_limit = ${own?{$own}:{2}}\nsubmission/inet/own = 3", 2, 3)]
    [TestCase("submission/inet/smtpd_soft_error_limit = $smtpd_recipient_limit\nsmtpd_recipient_limit = 5", 10, 5)]
    public void Read_Reference_SeesTheServicesValues(string text, int smtp, int submission)
    {
        var options = Options(text);
        Assert.That((options.Of("smtp").Limits.SoftErrorLimit, options.Of("submission").Limits.SoftErrorLimit), Is.EqualTo((smtp, submission)));
        Assert.That(Open("shield_services = smtp submission\n" + text).Read().Problems.WithoutHandoff(), Is.Empty);
    }

    [Test]
    public void Read_ComputedDefault_SeesTheServicesValues()
    {
        var options = Options("mydomain = example.com\nsubmission/inet/mydomain = example.org\nsubmission/inet/mynetworks = 192.0.2.0/24\n");
        Assert.Multiple(() =>
        {
            Assert.That((options.Of("smtp").Smtpd.MyHostname, options.Of("submission").Smtpd.MyHostname), Is.EqualTo(("mx.example.com", "mx.example.org")));
            Assert.That(options.Of("submission").Limits.ClientEventLimitExceptions.Matches(IPAddress.Parse("192.0.2.1"), "unknown"), Is.True);
            Assert.That(options.Of("smtp").Limits.ClientEventLimitExceptions.Matches(IPAddress.Parse("192.0.2.1"), "unknown"), Is.False);
        });
    }

    [Test]
    public void Read_UnderStress_IsOfEachService()
    {
        var options = Options("smtpd_timeout = ${stress?{20}:{300}}s\nsubmission/inet/smtpd_timeout = "
            + "${stress?{30}:{600}}s\nsubmission/inet/smtpd_hard_error_limit = 7\n");
        Assert.Multiple(() =>
        {
            Assert.That(options.Of("smtp").When(isUnderStress: true).Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(20)));
            Assert.That(options.Of("submission").When(isUnderStress: true).Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(30)));
            Assert.That(options.Of("submission").When(isUnderStress: false).Smtpd.Timeout, Is.EqualTo(TimeSpan.FromSeconds(600)));
            Assert.That(options.Of("smtp").When(isUnderStress: true).Limits.HardErrorLimit, Is.EqualTo(1));
            Assert.That(options.Of("submission").When(isUnderStress: true).Limits.HardErrorLimit, Is.EqualTo(7));
        });
    }

    [Test]
    public void Read_ErrorUnderStressOfAService_IsFoundAtOnce() =>
        Assert.That(Said("submission/inet/smtpd_timeout = ${stress?{x}:{600}}s\nshield_services = submission\n", ProblemSeverity.Error), Has.Length.EqualTo(1));

    [TestCase("anvil_rate_time_unit = 1m")]
    [TestCase("shield_drain_timeout = 1s")]
    [TestCase("syslog_facility = mail")]
    [TestCase("shield_services = smtp")]
    public void Read_SharedParameterOfAService_IsRefused(string assignment)
    {
        var name = assignment.Split(' ')[0];
        Assert.That(Said($"shield_services = submission\nsubmission/inet/{assignment}\n", ProblemSeverity.Error),
            Is.EqualTo((string[])[$"main.cf, line 2: {name} is the same for all services: submission/inet/{name} (write {name} = ...)"]));
    }

    [Test]
    public void Read_SharedParameters_AreThoseTheProgramHasOnce() =>
        Assert.That(ParameterCatalog.All.Values.Where(definition => definition.IsShared).Select(definition => definition.Name), Is.EqualTo((string[])[
            "anvil_rate_time_unit", "anvil_status_update_time", "maillog_file", "shield_admin_hosts", "shield_admin_listen", "shield_admin_tls_chain_files",
            "shield_admin_users_file", "shield_ban_growth", "shield_ban_ipv4_prefix_length", "shield_ban_ipv6_prefix_length", "shield_ban_memory",
            "shield_ban_rules", "shield_ban_table_size", "shield_ban_time", "shield_ban_time_limit", "shield_ban_window", "shield_client_table_size",
            "shield_control_socket", "shield_drain_timeout", "shield_event_log_file", "shield_history_size", "shield_metrics_listen",
            "shield_rate_window", "shield_services", "shield_shared_exchange_rate", "shield_shared_lease", "shield_shared_name",
            "shield_shared_password_file", "shield_shared_prefix", "shield_shared_store", "shield_shared_tls_CAfile", "shield_shared_upstream",
            "shield_shared_user", "shield_state_directory", "shield_transport", "syslog_facility",
        ]));

    [TestCase("submision/inet/smtpd_timeout = 5s", "no service submision: submision/inet/smtpd_timeout has no effect (did you mean submission?)")]
    [TestCase("mx/inet/smtpd_timeout = 5s", "no service mx: mx/inet/smtpd_timeout has no effect (add it to shield_services)")]
    [TestCase("submission/unix/smtpd_timeout = 5s", "no service submission/unix: "
        + "submission/unix/smtpd_timeout has no effect (write submission/inet/smtpd_timeout; services are of type inet)")]
    [TestCase("submission/inet/smtpd_timout = 5s", "unknown parameter: submission/inet/smtpd_timout (did you mean submission/inet/smtpd_timeout?)")]
    [TestCase("submission/smtpd_timeout = 5s", "unknown parameter: submission/smtpd_timeout (nothing refers to it; remove it)")]
    [TestCase("submission/inet/mine = 5\nsmtp/inet/smtpd_timeout = ${mine}5", "unknown parameter: submission/inet/mine (nothing refers to it; remove it)")]
    public void Read_NameThatIsNone_IsWarnedOfWithTheNearest(string line, string expected) =>
        Assert.That(Said($"shield_services = smtp submission\n{line}\n", ProblemSeverity.Warning), Is.EqualTo((string[])[$"main.cf, line 2: {expected}"]));

    [Test]
    public void Read_PostfixParameterOfAService_IsANote() =>
        Assert.That(Said("submission/inet/milter_macro_daemon_name = ORIGINATING\nshield_services = submission\n", ProblemSeverity.Note),
            Has.Length.EqualTo(1));

    [TestCase("smtp/inet/shield_listen = 192.0.2.1:25\nsubmission/inet/shield_listen = 192.0.2.1:25", "main.cf, line 3: submission/inet/shield_listen: "
        + "submission would listen on 192.0.2.1:25, as smtp does (write submission/inet/shield_listen = address:port)")]
    [TestCase("submission/inet/shield_listen = 192.0.2.1:25", "main.cf, line 2: submission/inet/shield_listen: submission would listen on 192.0.2.1:25, "
        + "which overlaps 0.0.0.0:25 of smtp (write submission/inet/shield_listen = address:port)")]
    [TestCase("shield_listen = 192.0.2.1:25", "main.cf, line 2: shield_listen: submission would listen on 192.0.2.1:25, "
        + "as smtp does (write submission/inet/shield_listen = address:port)")]
    [TestCase("smtp/inet/shield_listen = 192.0.2.1:587", "built-in default: shield_listen: submission would listen on 0.0.0.0:587, "
        + "which overlaps 192.0.2.1:587 of smtp (write submission/inet/shield_listen = address:port)")]
    [TestCase("smtp/inet/shield_listen = 0.0.0.0:25\nsubmission/inet/shield_listen = 127.0.0.1:25", "main.cf, line 3: submission/inet/shield_listen: "
        + "submission would listen on 127.0.0.1:25, which overlaps 0.0.0.0:25 of smtp (write submission/inet/shield_listen = address:port)")]
    [TestCase("smtp/inet/shield_listen = [::]:25\nsubmission/inet/shield_listen = [2001:db8::1]:25", "main.cf, line 3: submission/inet/shield_listen: "
        + "submission would listen on [2001:db8::1]:25, which overlaps [::]:25 of smtp (write submission/inet/shield_listen = address:port)")]
    [TestCase("smtp/inet/shield_listen = 0.0.0.0:25 127.0.0.1:25", "main.cf, line 2: smtp/inet/shield_listen: 0.0.0.0:25 and 127.0.0.1:25 overlap: "
        + "0.0.0.0:25 takes the clients of both (keep one of them)")]
    [TestCase("smtp/inet/shield_listen = [::1]:25, [::]:25", "main.cf, line 2: smtp/inet/shield_listen: [::1]:25 and [::]:25 overlap: "
        + "[::]:25 takes the clients of both (keep one of them)")]
    public void Read_EndpointOfTwoServices_IsAnError(string text, string expected) =>
        Assert.That(Said($"shield_services = smtp submission\n{text}\n", ProblemSeverity.Error), Is.EqualTo((string[])[expected]));

    [TestCase("shield_metrics_listen = 127.0.0.1:25", "main.cf, line 2: shield_metrics_listen: 127.0.0.1:25 overlaps 0.0.0.0:25 of smtp "
        + "(write an address and port of its own, as in 127.0.0.1:9025)")]
    [TestCase("shield_metrics_listen = 127.0.0.1:9025 0.0.0.0:9025", "main.cf, line 2: shield_metrics_listen: 127.0.0.1:9025 and 0.0.0.0:9025 overlap "
        + "(keep one of them)")]
    [TestCase("shield_metrics_listen = localhost", "main.cf, line 2: shield_metrics_listen: bad endpoint: localhost "
        + "(write address:port or [IPv6 address]:port)")]
    public void Read_EndpointOfMetrics_IsApartFromAllOthers(string text, string expected) =>
        Assert.That(Said($"shield_listen = 0.0.0.0:25\n{text}\n", ProblemSeverity.Error), Is.EqualTo((string[])[expected]));

    [TestCase("shield_admin_listen = 127.0.0.1:8425", "main.cf, line 2: shield_admin_listen needs shield_admin_users_file: nobody could log in "
        + "(make it with smtpshield passwd NAME --role operate, and name it)")]
    [TestCase("shield_admin_users_file = /u\nshield_admin_listen = 192.0.2.1:8425", "main.cf, line 3: shield_admin_listen: 192.0.2.1:8425 needs TLS: "
        + "passwords would cross the network in the clear (name the key and certificate in shield_admin_tls_chain_files, or listen on a loopback address)")]
    [TestCase("shield_admin_users_file = /u\nshield_admin_listen = 127.0.0.1:8425 0.0.0.0:8425", "main.cf, line 3: shield_admin_listen: 127.0.0.1:8425 and "
        + "0.0.0.0:8425 overlap (keep one of them)|main.cf, line 3: shield_admin_listen: 0.0.0.0:8425 needs TLS: "
        + "passwords would cross the network in the clear (name the key and certificate in shield_admin_tls_chain_files, or listen on a loopback address)")]
    [TestCase("shield_admin_users_file = /u\nshield_metrics_listen = 127.0.0.1:8425\nshield_admin_listen = 127.0.0.1:8425",
        "main.cf, line 4: shield_admin_listen: 127.0.0.1:8425 overlaps 127.0.0.1:8425 of shield_metrics_listen "
        + "(write an address and port of its own, as in 127.0.0.1:8425)")]
    [TestCase("shield_admin_hosts = a..b", "main.cf, line 2: bad parameter value: shield_admin_hosts = a..b (write host names, as in shield.example.com)")]
    [TestCase("shield_admin_users_file = users", "main.cf, line 2: bad parameter value: shield_admin_users_file = users (write the full path of a file)")]
    [Property("Operations", "OPS-42")]
    public void Read_AdminListenerThatIsNotSafe_IsAnError(string text, string expected) =>
        Assert.That(Said($"shield_listen = 0.0.0.0:25\n{text}\n", ProblemSeverity.Error), Is.EqualTo(expected.Split('|')));

    [TestCase("shield_admin_users_file = /u\nshield_admin_listen = 127.0.0.1:8425, [::1]:8425")]
    [TestCase("shield_admin_users_file = /u\nshield_admin_tls_chain_files = /c\nshield_admin_listen = 192.0.2.1:8425\n"
        + "shield_admin_hosts = a.example b.example")]
    public void Read_AdminListenerThatIsSafe_IsTaken(string text) => Assert.That(Said($"{text}\n", ProblemSeverity.Error), Is.Empty);

    [TestCase("")]
    [TestCase("127.0.0.1:9025, [::1]:9025")]
    public void Read_EndpointsOfMetrics_MayBeNoneOrSeveral(string text) =>
        Assert.That(Said($"shield_metrics_listen = {text}\n", ProblemSeverity.Error), Is.Empty);

    [TestCase("shield_listen = [::]:2525", "main.cf, line 1: shield_listen: [::]:2525 takes IPv6 only (for IPv4 too write 0.0.0.0:2525, [::]:2525)")]
    [TestCase("shield_listen = [::]:2525\nshield_services = smtp other\nother/inet/shield_listen = [::]:2526, 192.0.2.1:2526",
        "main.cf, line 1: shield_listen: [::]:2525 takes IPv6 only (for IPv4 too write 0.0.0.0:2525, [::]:2525)")]
    public void Read_AllOfIPv6AndNoIPv4_IsANote(string text, string expected) =>
        Assert.That(Said(text + "\n", ProblemSeverity.Note), Is.EqualTo((string[])[expected]));

    [TestCase("")]
    [TestCase("shield_listen = 0.0.0.0:2525, [::]:2525")]
    [TestCase("shield_listen = [::]:2525 192.0.2.1:2525")]
    [TestCase("shield_listen = [2001:db8::1]:2525")]
    public void Read_BothVersionsOrOneAddress_IsNoNote(string text) => Assert.That(Said(text + "\n", ProblemSeverity.Note), Is.Empty);

    [TestCase("smtp/inet/shield_listen = 127.0.0.1:0\nsubmission/inet/shield_listen = 127.0.0.1:0")]
    [TestCase("smtp/inet/shield_listen = 192.0.2.1:25\nsubmission/inet/shield_listen = 192.0.2.2:25")]
    [TestCase("smtp/inet/shield_listen = 0.0.0.0:25\nsubmission/inet/shield_listen = [::]:25")]
    public void Read_EndpointsOfTheirOwn_AreFine(string text) => Options(text);

    [TestCase("submission/inet/shield_upstream = 127.0.0.1:25", "main.cf, line 2: submission/inet/shield_upstream: "
        + "127.0.0.1:25 loops back to shield_listen (give the MTA another port, as in 127.0.0.1:10025)")]
    [TestCase("smtp/inet/shield_upstream = 127.0.0.1:587", "main.cf, line 2: smtp/inet/shield_upstream: "
        + "127.0.0.1:587 loops back to shield_listen (give the MTA another port, as in 127.0.0.1:10025)")]
    [TestCase("shield_upstream = 127.0.0.1:587", "main.cf, line 2: shield_upstream: 127.0.0.1:587 loops back to shield_listen (give the MTA another port, "
        + "as in 127.0.0.1:10025)")]
    public void Read_UpstreamThatIsAnotherService_IsAnError(string text, string expected) =>
        Assert.That(Said($"shield_services = smtp submission\n{text}\n", ProblemSeverity.Error), Is.EqualTo((string[])[expected]));

    [TestCase("", "main.cf, line 1: bad string length 0 < 1: shield_services = (write the names of the services, as in smtp submission)")]
    [TestCase("a/b", "main.cf, line 1: shield_services: bad service name: a/b (write a name as in master.cf: smtp, submission, smtps, 2525, 192.0.2.1:2525)")]
    public void Read_BadList_IsAnError(string list, string expected) =>
        Assert.That(Said($"shield_services = {list}\n", ProblemSeverity.Error), Is.EqualTo((string[])[expected]));

    [Test]
    public void Read_MoreServicesThanCountersTellApart_IsAnError()
    {
        string List(int count) => $"shield_services = {string.Join(' ', Enumerable.Range(1, count))}\nshield_upstream = mta:10025\n";
        Assert.That(Said(List(256), ProblemSeverity.Error), Is.Empty);
        Assert.That(Said(List(257), ProblemSeverity.Error),
            Is.EqualTo((string[])["main.cf, line 1: shield_services: 257 services > 256 (one service may have many end points)"]));
    }

    [Test]
    public void Read_ServiceListedTwice_IsWarnedOfAndThereOnce()
    {
        Assert.That(Said("shield_services = smtp, smtp\n", ProblemSeverity.Warning),
            Is.EqualTo((string[])["main.cf, line 1: shield_services: smtp is listed more than once (keep one of them)"]));
        Assert.That(Open("shield_services = smtp, smtp\n").Read().Options!.Services, Has.Count.EqualTo(1));
    }

    [Test]
    public void Read_SameMistakeInTwoServices_IsNamedTwiceWithItsName() =>
        Assert.That(Said("shield_services = smtp submission\nsmtp/inet/mynetworks = 10.0.0.1/8\nsubmission/inet/mynetworks = "
            + "10.0.0.1/8\nsubmission/inet/smtpd_timeout = x\n", ProblemSeverity.Error), Is.EqualTo((string[])[
            "main.cf, line 2: smtp/inet/mynetworks: non-null host address bits in \"10.0.0.1/8\", perhaps you should use \"10.0.0.0/8\" instead",
            "main.cf, line 3: submission/inet/mynetworks: non-null host address bits in \"10.0.0.1/8\", perhaps you should use \"10.0.0.0/8\" instead",
            "main.cf, line 4: parameter submission/inet/smtpd_timeout: bad time value or unit: x (write a whole number and one of s, m, h, d, w, as in 30s)"]));

    [Test]
    public void Read_CommandLine_SetsAServicesValue()
    {
        var options = Options("submission/inet/smtpd_soft_error_limit = 3\n", "submission/inet/smtpd_soft_error_limit=4", "smtpd_soft_error_limit = 5");
        Assert.That((options.Of("smtp").Limits.SoftErrorLimit, options.Of("submission").Limits.SoftErrorLimit), Is.EqualTo((5, 4)));
    }

    [Test]
    public void Read_CommandLineForNoService_IsWarnedOf() =>
        Assert.That(Open("", "submission/inet/smtpd_timeout=5").Read().Warnings.WithoutHandoff().Select(problem => problem.ToString()), Is.EqualTo((string[])[
            "command line option -o: no service submission: submission/inet/smtpd_timeout has no effect (add it to shield_services)"]));

    [Test]
    public void Of_ServiceWithSnapshotReplaced_SeesTheNewValue()
    {
        var snapshot = new ShieldSnapshot(Options("submission/inet/smtpd_soft_error_limit = 3\n"));
        var service = new ShieldService("submission", snapshot);
        Assert.That(service.Unstressed.Limits.SoftErrorLimit, Is.EqualTo(3));
        snapshot.Replace(Options("submission/inet/smtpd_soft_error_limit = 4\n"));
        Assert.That(service.Unstressed.Limits.SoftErrorLimit, Is.EqualTo(4));
    }
}
