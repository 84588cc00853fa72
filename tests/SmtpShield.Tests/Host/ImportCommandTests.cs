using System.CommandLine;
using System.Text;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Tls;
using SmtpShield.Tests.Options;

namespace SmtpShield.Tests.Host;

[TestFixture]
public sealed class ImportCommandTests
{
    private const string Service = "smtp inet n - y - - smtpd\n";

    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private string MainCf => Path.Combine(_directory, "main.cf");

    private string MasterCf => Path.Combine(_directory, "master.cf");

    private static (int Status, string Output, string[] Errors) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = ImportCommand.Create().Parse(arguments).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (status, output.ToString(), error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    private (int Status, string[] Lines, string[] Errors) Import(string main, string master = Service)
    {
        File.WriteAllText(MainCf, main);
        File.WriteAllText(MasterCf, master);
        var (status, output, errors) = Run(_directory);
        return (status, output.Split('\n'), errors);
    }

    // Of lines in force.
    private static ShieldOptions Check(string text)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            var result = ShieldConfiguration.Load(path, []);
            Assert.That(result.Problems.WithoutHandoff(), Is.Empty);
            return result.Options!;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string[] InForce(IEnumerable<string> lines) => [.. lines.Where(line => line.Length > 0 && line[0] != '#')];

    // The certificate of the elaborate one is there, that of the other is not.
    private void CopySample(string name)
    {
        foreach (var file in Directory.EnumerateFiles(Repository.PathOf($"tests/SmtpShield.Tests/Host/Postfix/{name}"), "*.cf"))
            File.WriteAllText(Path.Combine(_directory, Path.GetFileName(file)), File.ReadAllText(file)
                .Replace("/etc/ssl/mx.pem", Certificate, StringComparison.Ordinal).Replace("/etc/ssl/certs", "/nonexistent", StringComparison.Ordinal));
        WriteCertificate();
    }

    private void WriteCertificate()
    {
        File.WriteAllText(Certificate, TestCertificate.Make("mx.example.com").Chain);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Certificate, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private string Certificate => Path.Combine(_directory, "mx.pem");

    [TestCase("debian")]
    [TestCase("elaborate")]
    public void Import_PostfixConfiguration_IsAsExpectedAndPassesCheck(string name)
    {
        CopySample(name);
        var (status, output, errors) = Run(_directory);
        var actual = (output + "\n==== standard error ====\n\n" + string.Join('\n', errors) + "\n")
            .Replace(_directory, "/etc/postfix", StringComparison.Ordinal);

        // To accept a changed text: copy the file named in the failure over the expected one.
        var expected = Repository.PathOf($"tests/SmtpShield.Tests/Host/Postfix/{name}/expected.txt");
        var made = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"import-{name}.txt");
        File.WriteAllText(made, actual);
        Assert.That(status, Is.Zero);
        Assert.That(actual, Is.EqualTo(File.ReadAllText(expected)), made);
        Check(output);
    }

    // mailcow has two of these: one for clients, one for a load balancer, with one smtpd behind both.
    [Test]
    public void Import_ProxyProtocolOnThePostscreen_IsReadByTheShield()
    {
        var (_, lines, errors) = Import("", """
            smtp inet n - n - 1 postscreen -o postscreen_upstream_proxy_protocol= -o syslog_name=postfix/smtp
            10025 inet n - n - 1 postscreen -o postscreen_upstream_proxy_protocol=haproxy -o postscreen_upstream_proxy_timeout=7s -o postscreen_client_connection_count_limit=3
            smtpd pass - - n - - smtpd -o smtpd_helo_required=yes

            """);
        var options = Check(string.Join('\n', lines));
        Assert.Multiple(() =>
        {
            Assert.That(options.Of("smtp").Proxy.Protocol, Is.EqualTo(UpstreamProxyProtocol.None));
            Assert.That(options.Of("10025").Proxy.Protocol, Is.EqualTo(UpstreamProxyProtocol.Haproxy));
            Assert.That(options.Of("10025").Proxy.Timeout, Is.EqualTo(TimeSpan.FromSeconds(7)));
            Assert.That((options.Of("smtp").Smtpd.HeloRequired, options.Of("10025").Smtpd.HeloRequired), Is.EqualTo((true, true)));
            Assert.That(InForce(lines), Does.Contain("10025/inet/shield_proxy_sources = static:all"));
            Assert.That(errors, Has.One.Contains("10025: the load balancer's PROXY header is read by the shield now"));
            Assert.That(errors, Has.One.Contains("line 2: postscreen_client_connection_count_limit = 3 was the limit clients met first"));
            Assert.That(lines, Has.None.Contains("-o smtpd_upstream_proxy_timeout"), "the smtpd behind the shield waits as before");
        });
    }

    // An smtpd behind postscreen is told by it and reads no header of its own.
    [TestCase("smtpd_upstream_proxy_protocol = haproxy\n", "", UpstreamProxyProtocol.None)]
    [TestCase("", " -o smtpd_upstream_proxy_protocol=haproxy", UpstreamProxyProtocol.None)]
    [TestCase("postscreen_upstream_proxy_protocol = haproxy\n", "", UpstreamProxyProtocol.Haproxy)]
    public void Import_ProxyProtocolBehindPostscreen_IsThePostscreens(string main, string option, UpstreamProxyProtocol expected)
    {
        var (_, lines, _) = Import(main, $"smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd{option}\n");
        Assert.That(Check(string.Join('\n', lines)).Of("smtp").Proxy.Protocol, Is.EqualTo(expected));
    }

    [TestCase("", "note: smtp: Postfix also speaks TLS 1.0 and 1.1, as far as its OpenSSL still does (smtpd_tls_protocols, Postfix's default)")]
    [TestCase("smtpd_tls_protocols = !SSLv2,!SSLv3\n",
        "note: smtp: Postfix also speaks TLS 1.0 and 1.1, as far as its OpenSSL still does (smtpd_tls_protocols = !SSLv2,!SSLv3)")]
    [TestCase("smtpd_tls_protocols = >=TLSv1.2\n", null)]
    [TestCase("smtpd_tls_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1\n", null)]
    public void Import_OldTls_SaysThatItEnds(string protocols, string? expected)
    {
        WriteCertificate();
        var errors = Import($"smtpd_tls_chain_files = {Certificate}\nsmtpd_tls_security_level = may\n{protocols}").Errors;
        Assert.That(errors, expected is null ? Has.None.Contains("TLS 1.0") : Has.One.StartsWith(expected));
    }

    [Test]
    public void Import_SmtpdBehindAShield_Stops()
    {
        var (status, _, errors) = Import(
            "", "#smtp inet n - y - - smtpd\n127.0.0.1:10025 inet n - y - 100 smtpd -o syslog_name=shielded -o smtpd_upstream_proxy_protocol=haproxy\n");
        Assert.That((status, errors[0]), Is.EqualTo((1, $"error: {MasterCf}, line 2: 127.0.0.1:10025 is the smtpd behind a shield already (syslog_name = " +
            "shielded), and no host outside reaches it. To import anew, first put back what was before: " +
            $"smtpshield import --undo {_directory}, or the copy master.cf.before-smtpshield")));
    }

    [Test]
    public void Import_TargetIsTheSample_ReplacesItUnlessItWasEdited()
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var target = Path.Combine(_directory, "shield.cf");
        File.Copy(Repository.PathOf("deploy/smtpshield/main.cf"), target);
        File.AppendAllText(target, "# mine\n");
        Assert.That(Run(_directory, "-o", target).Status, Is.EqualTo(1));
        File.Copy(Repository.PathOf("deploy/smtpshield/main.cf"), target, overwrite: true);
        Assert.That(Run(_directory, "-o", target).Status, Is.Zero);
        Assert.That(File.ReadAllText(target), Does.StartWith("# SmtpShield's configuration, made from"));
    }

    // The page is what import writes.
    [Test]
    public void SeveralServicesPage_IsWhatIsImported()
    {
        CopySample("services");
        var lines = Run(_directory).Output.Split('\n');
        var page = Repository.Read("docs/tasks/several-services.md").Split('\n').Select(line => line.Trim()).ToList();
        var entries = string.Join('\n', page.SkipWhile(line => !line.StartsWith("127.0.0.1:10025", StringComparison.Ordinal)).TakeWhile(line => line != "```")
            .Select(line => line.StartsWith('-') ? "  " + line : line));
        var written = page.SkipWhile(line => !line.StartsWith("shield_services", StringComparison.Ordinal)).TakeWhile(line => line != "```")
            .Where(line => line.Length > 0);
        var commands = string.Concat(lines.Where(line => line.StartsWith("#$ ", StringComparison.Ordinal)).Select(line => line[3..].TrimEnd('\\')));
        var imported = commands.Split("postconf -c ").Where(command => command.Contains(" -M '", StringComparison.Ordinal))
            .Select(command => command.Split(" -M ", 2)[1].Split("/inet=", 2)[1].Replace("'", "", StringComparison.Ordinal));
        Assert.Multiple(() =>
        {
            Assert.That(written, Is.EqualTo(InForce(lines).Select(line => line.Replace(Certificate, "/etc/ssl/mx.pem", StringComparison.Ordinal))));
            Assert.That(Words(entries), Is.EqualTo(Words(string.Join('\n', imported))));
        });
    }

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    [Test]
    public void Import_ElaborateConfiguration_HasPostfixsLimits()
    {
        CopySample("elaborate");
        var all = Check(Run(_directory).Output);
        var options = all.Of("smtp");
        Assert.Multiple(() =>
        {
            Assert.That(options.Limits.ClientConnectionCountLimit, Is.EqualTo(10));
            Assert.That(options.Limits.ClientConnectionRateLimit, Is.EqualTo(60));
            Assert.That(options.Limits.HardErrorLimit, Is.EqualTo(8));
            Assert.That(options.UnderStress!.Limits.HardErrorLimit, Is.EqualTo(1));
            Assert.That(options.Anvil.RateTimeUnit, Is.EqualTo(TimeSpan.FromMinutes(10)));
            Assert.That(options.Smtpd.LineLengthLimit, Is.EqualTo(4096));
            Assert.That(options.Listener.DefaultProcessLimit, Is.EqualTo(80));
            Assert.That(options.Upstream.Destinations.Single().Port, Is.EqualTo(10026));
        });
    }

    [Test]
    public void Import_SeveralServices_EachHasItsOwn()
    {
        CopySample("elaborate");
        var options = Check(Run(_directory).Output);
        string Of(string service)
        {
            var own = options.Of(service);
            return $"{own.Listener.Endpoints[0]} -> {own.Upstream.Destinations.Single()}, {own.Listener.DefaultProcessLimit} sessions, "
                + $"{own.Limits.ClientConnectionRateLimit}/{own.Limits.ClientAuthRateLimit}, {own.Tls.SecurityLevel}{(own.Tls.WrapperMode ? " first" : "")}, "
                + $"{own.Upstream.ClientHandoff}";
        }
        Assert.That(options.Service.Names.Select(Of), Is.EqualTo((string[])[
            "192.0.2.1:25 -> 127.0.0.1:10026, 80 sessions, 60/0, May, ProxyV2",
            "192.0.2.1:587 -> 127.0.0.1:10027, 50 sessions, 10/0, Encrypt, ProxyV2",
            "192.0.2.1:465 -> 127.0.0.1:10028, 150 sessions, 60/5, May first, ProxyV2",
            "198.51.100.1:2525 -> 127.0.0.1:10029, 10000 sessions, 60/0, May, ProxyV2"]));
    }

    [Test]
    public void Import_ServicesThatDiffer_HaveWhatTheyReferTo()
    {
        var (_, lines, _) = Import("smtpd_soft_error_limit = $a\na = 5\nsmtpd_hard_error_limit = $relay_domains\nrelay_domains = 7\n",
            Service + "submission inet n - y - - smtpd -o a=6 -o relay_domains=8 -o smtpd_timeout=x -o smtpd_recipient_limit=9\n");
        var options = Check(string.Join('\n', lines));
        Assert.That(InForce(lines).Where(line => line.StartsWith("submission/inet/smtpd", StringComparison.Ordinal)
                || line.StartsWith("submission/inet/a", StringComparison.Ordinal)),
            Is.EquivalentTo((string[])["submission/inet/smtpd_hard_error_limit = 8", "submission/inet/smtpd_recipient_limit = 9", "submission/inet/a = 6"]));
        Assert.That((options.Of("smtp").Limits.SoftErrorLimit, options.Of("submission").Limits.SoftErrorLimit), Is.EqualTo((5, 6)));
        Assert.That((options.Of("smtp").Limits.HardErrorLimit, options.Of("submission").Limits.HardErrorLimit), Is.EqualTo((7, 8)));
    }

    [TestCase("smtpd_timeout = 50s\n", "Until then the value of all services is in force: 50s")]
    [TestCase("", "Until then the default is in force: ${stress?{10}:{300}}s")]
    public void Import_OverrideTheShieldRefuses_SaysWhatIsInForce(string main, string expected) =>
        Assert.That(Import(main, Service + "submission inet n - y - - smtpd -o smtpd_timeout=x\n").Errors, Has.One.Contains("smtpd_timeout is not taken over: "
            + $"parameter smtpd_timeout: bad time value or unit: x; write a whole number and one of s, m, h, d, w, as in 30s. {expected}"));

    private const string Level = "smtpd_tls_security_level = may\n";

    [TestCase("", "smtp inet n - y - - smtpd\n", "TLS none", TestName = "No TLS: none")]
    [TestCase(Level, "smtp inet n - y - - smtpd\n", "TLS none", TestName = "No certificate: passed through")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\n", "smtp: TLS ends here", TestName = "Certificate: ended")]
    [TestCase(Level + "smtpd_tls_chain_files = CERT\n", "smtp inet n - y - - smtpd\n", "smtp: TLS ends here", TestName = "Chain: ended")]
    [TestCase("smtpd_use_tls = yes\nsmtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\n", "smtp: TLS ends here", TestName = "Old way to switch it on")]
    [TestCase("smtpd_enforce_tls = yes\nsmtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\n", "smtp: TLS ends here, required",
        TestName = "Old way to require it")]
    [TestCase("smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\n", "TLS none", TestName = "Certificate, but TLS is off")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\nsmtpd_tls_key_file = /nonexistent\n", "smtp inet n - y - - smtpd\n", "TLS none",
        TestName = "Key cannot be read: passed through")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\nsmtpd_tls_ask_ccert = yes\n", "smtp inet n - y - - smtpd\n", "TLS none",
        TestName = "Client certificates: passed through")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd -o { smtpd_recipient_restrictions = reject_plaintext_session, permit }\n",
        "TLS none", TestName = "Restriction that asks for TLS: passed through")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\n465 inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n",
        "smtp: TLS ends here|465: TLS ends here, first", TestName = "Wrapper mode")]
    [TestCase("smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt\n",
        "submission: TLS ends here, required", TestName = "One with TLS, one without")]
    [TestCase(Level + "smtpd_tls_cert_file = CERT\n", "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o smtpd_tls_req_ccert=yes\n",
        "smtp: TLS ends here", TestName = "One ends, one passes through")]
    [TestCase(Level, "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o smtpd_tls_cert_file=CERT\n", "submission: TLS ends here",
        TestName = "Certificate of one")]
    [TestCase("", "smtp inet n - y - - smtpd\nsmtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n", "TLS none",
        TestName = "Wrapper mode without a certificate: left where it is")]
    public void Import_Tls_EndsWhereItCan(string main, string master, string expected)
    {
        WriteCertificate();
        var (_, lines, errors) = Import(main.Replace("CERT", Certificate, StringComparison.Ordinal),
            master.Replace("CERT", Certificate, StringComparison.Ordinal));
        var options = Check(string.Join('\n', lines));
        var ends = options.Service.Names.Where(name => options.Of(name).Tls.IsTerminated)
            .Select(name => $"{name}: TLS ends here{(options.Of(name).Tls.WrapperMode ? ", first" : "")}"
                + (options.Of(name).Tls.SecurityLevel == TlsSecurityLevel.Encrypt ? ", required" : ""))
            .ToList();
        Assert.That(string.Join('|', ends.DefaultIfEmpty("TLS none")), Is.EqualTo(expected));
        // Postfix sees clear text exactly there.
        Assert.That(lines.Count(line => line.Contains("-o smtpd_tls_security_level=none'", StringComparison.Ordinal)), Is.EqualTo(ends.Count));
        Assert.That(errors.Any(line => line.StartsWith($"warning: {Certificate}: the user the shield runs as", StringComparison.Ordinal)),
            Is.EqualTo(ends.Count > 0));
    }

    [Test]
    public void Import_NoPasswordsInClearText_StaysSo()
    {
        WriteCertificate();
        var (_, lines, _) = Import($"{Level}smtpd_tls_cert_file = {Certificate}\nsmtpd_sasl_security_options = noanonymous, "
            + "noplaintext\nsmtpd_sasl_tls_security_options = noanonymous\n");
        Assert.That(Check(string.Join('\n', lines)).Tls.AuthOnly, Is.True);
        Assert.That(lines,
            Does.Contain("#$ ' -o smtpd_sasl_security_options=$smtpd_sasl_tls_security_options'\\").And.Contain("#$ ' -o smtpd_tls_auth_only=no'\\"));
    }

    [TestCase("smtpd_upstream_proxy_protocol = haproxy\n", Service)]
    [TestCase("postscreen_upstream_proxy_protocol = haproxy\n", "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n")]
    public void Import_LoadBalancerInFront_IsBelievedAsInPostfix(string main, string master)
    {
        var (_, lines, errors) = Import(main, master);
        var proxy = Check(string.Join('\n', lines)).Proxy;
        Assert.That((proxy.Protocol, proxy.Sources.Matches(System.Net.IPAddress.Parse("192.0.2.1"), "unknown")),
            Is.EqualTo((UpstreamProxyProtocol.Haproxy, true)));
        Assert.That(errors, Has.One.StartsWith("warning: smtp: the load balancer's PROXY header is read by the shield now."));
    }

    [TestCase("a = 5\nsmtpd_soft_error_limit = $a\n", "a = 5|smtpd_soft_error_limit = $a", TestName = "Own name: copied")]
    [TestCase("b = 5\na = ${b}\nsmtpd_soft_error_limit = $a\nc = 1\n", "b = 5|a = ${b}|smtpd_soft_error_limit = $a",
        TestName = "Own names: all of them, and no others")]
    [TestCase("smtpd_soft_error_limit = 3\nsmtpd_hard_error_limit = $smtpd_soft_error_limit\n",
        "smtpd_soft_error_limit = 3|smtpd_hard_error_limit = $smtpd_soft_error_limit", TestName = "Known name: as written")]
    [TestCase("smtpd_hard_error_limit = $smtpd_soft_error_limit\n", "smtpd_hard_error_limit = $smtpd_soft_error_limit",
        TestName = "Known name with the same default: as written")]
    [TestCase("smtpd_hard_error_limit = $default_process_limit\n", "smtpd_hard_error_limit = 100", TestName = "Known name with another default: expanded")]
    [TestCase("relay_domains = 7\nsmtpd_hard_error_limit = $relay_domains\n", "smtpd_hard_error_limit = 7", TestName = "Postfix's name: expanded")]
    [TestCase("smtpd_hard_error_limit = $virtual_alias_maps\n", "", TestName = "Postfix's name at its default: not taken")]
    [TestCase("smtpd_hard_error_limit = $nosuch 5\n", "smtpd_hard_error_limit =  5", TestName = "Unknown name: empty")]
    [TestCase("smtpd_hard_error_limit = ${nosuch\n", "", TestName = "Broken reference: not taken")]
    [TestCase("a = ${nosuch\nsmtpd_hard_error_limit = ${stress?{$a}:{5}}\n", "", TestName = "Broken reference behind an own name: not taken")]
    [TestCase("mynetworks = hash:/etc/x\nsmtpd_client_event_limit_exceptions = $mynetworks, 192.0.2.1\n",
        "smtpd_client_event_limit_exceptions = $mynetworks, 192.0.2.1", TestName = "Table the shield does not read: only that line is out")]
    [TestCase("mynetworks = $a\na = $b\nb = $mynetworks\n", "", TestName = "Circle: not taken")]
    [TestCase("smtpd_forbid_bare_newline = no\n", "", TestName = "Value the shield refuses")]
    [TestCase("smtpd_timeout =\n", "", TestName = "Empty time")]
    [TestCase("smtpd_client_event_limit_exceptions =\n", "smtpd_client_event_limit_exceptions =", TestName = "Empty list")]
    [TestCase("shield_listen = 127.0.0.1:1\n", "", TestName = "The shield's own name")]
    [TestCase("maillog_file = /var/log/maillog\n", "", TestName = "Postfix's log file")]
    public void Import_Values_AreTakenOver(string main, string expected)
    {
        var (status, lines, _) = Import(main);
        var fixedLines = InForce(lines).Where(line => !line.StartsWith("shield_", StringComparison.Ordinal) && line != "default_process_limit = 100");
        Assert.That((status, string.Join('|', fixedLines)), Is.EqualTo((0, expected)));
        Check(string.Join('\n', lines));
    }

    [TestCase("smtpd_client_ipv6_prefix_length = 84\n", "is 2^20 clients with limits of their own")]
    [TestCase("smtpd_client_ipv6_prefix_length = 128\n", "is 2^64 clients with limits of their own")]
    [TestCase("smtpd_client_ipv6_prefix_length = 64\n", "")]
    [TestCase("smtpd_client_ipv6_prefix_length = 48\n", "")]
    [TestCase("", "")]
    [Property("Hazard", "ID-15")]
    public void Import_IPv6PrefixLength_IsTakenOverAndExplained(string main, string expected)
    {
        var (status, lines, errors) = Import(main);

        Assert.That((status, string.Join('|', InForce(lines).Where(line => line.Contains("ipv6_prefix", StringComparison.Ordinal)))),
            Is.EqualTo((0, main.TrimEnd())));
        Assert.That(errors.Where(line => line.Contains("ipv6_prefix", StringComparison.Ordinal)), expected.Length == 0 ? Is.Empty : Has.One.Contains(expected));
        Check(string.Join('\n', lines));
    }

    [TestCase("", Service, "shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("inet_protocols = ipv4\n", Service, "shield_listen = 0.0.0.0:25")]
    [TestCase("inet_interfaces = loopback-only\n", Service, "shield_listen = 127.0.0.1:25, [::1]:25")]
    [TestCase("inet_interfaces = 192.0.2.1, [2001:db8::1]\n", Service, "shield_listen = 192.0.2.1:25, [2001:db8::1]:25")]
    [TestCase("inet_interfaces = $myhostname\nmyhostname = mx.example.com\n", Service, "shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("", "192.0.2.1:smtp inet n - y - - smtpd\n", "shield_listen = 192.0.2.1:25")]
    [TestCase("", "submission inet n - y - - smtpd\n25 inet n - y - - smtpd\n",
        "submission/inet/shield_listen = 0.0.0.0:587, [::]:587|25/inet/shield_listen = 0.0.0.0:25, [::]:25")]
    [TestCase("", "submission inet n - y - - smtpd\n25 inet n - y - - smtpd\n", "shield_services = submission 25")]
    [TestCase("", "submission inet n - y - - smtpd\n25 inet n - y - - smtpd\n",
        "submission/inet/shield_upstream = 127.0.0.1:10025|25/inet/shield_upstream = 127.0.0.1:10026")]
    [TestCase("", "submission inet n - y - - smtpd\n", "shield_services = submission")]
    [TestCase("", "[2001:db8::1]:25 inet n - y - - smtpd\n", "shield_listen = [2001:db8::1]:25")]
    [TestCase("", "[2001:db8::1]:25 inet n - y - - smtpd\n", "shield_services = [2001:db8::1]:25")]
    [TestCase("default_process_limit = 40\n", "smtp inet n - y - 7 smtpd\n25 inet n - y - - smtpd\n",
        "default_process_limit = 40|smtp/inet/default_process_limit = 7")]
    [TestCase("", "127.0.0.1:25 inet n - y - - smtpd\n192.0.2.1:25 inet n - y - - smtpd\n", "shield_listen = 192.0.2.1:25")]
    [TestCase("", "submission inet n - y - - smtpd\n", "shield_listen = 0.0.0.0:587, [::]:587")]
    [TestCase("", "odd inet n - y - - smtpd\n", "")]
    [TestCase("", Service, "shield_upstream = 127.0.0.1:10025")]
    [TestCase("", Service + "127.0.0.1:10025 inet n - y - - smtpd\n", "shield_upstream = 127.0.0.1:10026")]
    [TestCase("content_filter = x:[127.0.0.1]:10025\n", Service, "shield_upstream = 127.0.0.1:10026")]
    [TestCase("", Service, "default_process_limit = 100")]
    [TestCase("default_process_limit = 40\n", Service, "default_process_limit = 40")]
    [TestCase("default_process_limit = 40\n", "smtp inet n - y - 7 smtpd\n", "default_process_limit = 7")]
    [TestCase("default_process_limit = 40\n", "smtp inet n - y - 0 smtpd\n", "")]
    [TestCase("", "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - 9 smtpd\n", "default_process_limit = 9")]
    public void Import_Service_IsWhereItWas(string main, string master, string expected)
    {
        var (_, lines, _) = Import(main, master);
        var name = expected.Length > 0 ? expected.Split(' ')[0].Split('/')[^1] : main.Length > 0 ? "default_process_limit" : "shield_listen";
        Assert.That(string.Join('|', InForce(lines).Where(line => line.Split(' ')[0].Split('/')[^1] == name)), Is.EqualTo(expected));
    }

    [Test]
    public void Import_InnerService_IsToldWhoTheClientIsAndKeepsItsRestrictions()
    {
        var lines = Import("smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n",
            "smtp inet n - y - - smtpd -o mynetworks=192.0.2.0/24\n").Lines;
        Assert.That(lines, Does.Contain("#$ ' -o smtpd_upstream_proxy_protocol=haproxy'\\").And.Contain("shield_client_handoff = proxy-v2")
            .And.Contain("#$ ' -o mynetworks=192.0.2.0/24'\\"));
        Assert.That(lines.Where(line => line.StartsWith("#$", StringComparison.Ordinal)), Has.None.Contains("restrictions"));
    }

    [TestCase("smtpd_tls_security_level = may\n", false)]
    [TestCase("", true)]
    public void Import_LimitsOfInnerService_StayWhereTlsHidesCommandsFromTheShield(string main, bool isSeenWhole)
    {
        var lines = Import(main).Lines;
        Assert.That(lines.Contains("#$ ' -o smtpd_hard_error_limit=1000'\\"), Is.EqualTo(isSeenWhole));
        Assert.That(lines.Contains("#$ ' -o smtpd_client_auth_rate_limit=0'\\"), Is.EqualTo(isSeenWhole));
        Assert.That(lines, Does.Contain("#$ ' -o smtpd_client_connection_count_limit=0'\\"));
    }

    [TestCase("smtpd_timeout = 300s\n", "600s")]
    [TestCase("smtpd_timeout = 301s\n", "602s")]
    [TestCase("smtpd_timeout = 10s\n", "600s")]
    public void Import_TimeoutOfInnerService_IsLongerThanTheShields(string main, string expected) =>
        Assert.That(Import(main).Lines, Does.Contain($"#$ ' -o smtpd_timeout={expected}'\\"));

    [Test]
    public void Import_QuoteInOverride_IsQuotedForTheShell() =>
        Assert.That(Import("", "smtp inet n - y - - smtpd -o { smtpd_banner = it's me }\n").Lines, Does.Contain(@"#$ ' -o { smtpd_banner = it'\''s me }'\"));

    [Test]
    public void Import_ControlCharacters_DoNotReachTheTerminalInComments()
    {
        var (_, lines, errors) = Import("smtpd_banner = x\nfoo\u001b[31m = 1\n", "smtp\u001b inet n - y - - smtpd -o {a\u001b=b}\n");
        Assert.That(string.Concat(lines.Where(line => line.StartsWith('#') && !line.StartsWith("#$", StringComparison.Ordinal)).Concat(errors)),
            Does.Not.Contain('\u001b'));
    }

    [Test]
    public void Import_MainCfAlone_IsEnough()
    {
        File.WriteAllText(MainCf, "smtpd_soft_error_limit = 3\n");
        var (status, output, errors) = Run(MainCf);
        Assert.That((status, Check(output).Limits.SoftErrorLimit), Is.EqualTo((0, 3)));
        Assert.That(errors[0], Is.EqualTo($"warning: {MasterCf}: no smtpd service; only main.cf was taken over, for port 25"));
    }

    [Test]
    public void Import_NoDirectory_SaysWhatToName() => Assert.That(Run("/nonexistent"), Is.EqualTo((1, "", (string[])[
        "error: /nonexistent/main.cf: open /nonexistent/main.cf: No such file or directory (name Postfix's configuration directory, "
            + "the one postconf -h config_directory prints)",
        "error: /nonexistent/master.cf: open /nonexistent/master.cf: No such file or directory (name the main.cf itself to import only that)",
        "nothing was written"])));

    [Test]
    public void Import_BadLines_AreNamedAndNothingIsWritten()
    {
        var (status, _, errors) = Import("myhostname\n", "smtp inet n\n");
        Assert.That((status, errors), Is.EqualTo((1, (string[])[
            $"error: {MainCf}, line 1: missing '=' after attribute name: \"myhostname\" (write name = value)",
            $"error: {MasterCf}, line 1: bad field count: \"smtp inet n\" (a service has eight columns: "
                + "service type private unpriv chroot wakeup maxproc command)",
            "nothing was written"])));
    }

    [Test]
    public void Import_RandomOctets_EndsWithStatus1AndFewLines([Values(1, 2, 3)] int seed)
    {
        var octets = new byte[100_000];
        new Random(seed).NextBytes(octets);
        File.WriteAllBytes(MainCf, octets);
        File.WriteAllBytes(MasterCf, octets);
        var (status, _, errors) = Run(_directory);
        Assert.That((status, errors.Length), Is.EqualTo((1, 22)));
    }

    [Test]
    public void Import_RandomWords_NeverFailsAndPassesCheck([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        string[] words =
        [
            "$", "{", "}", "${", "$stress", "${stress?{", "}:{", "$mynetworks", "$a", "$myhostname", "5", "s", ",", " ", "hash:/x", "[::1]", "192.0.2.1/24",
            "!", "/nonexistent", "$$", "=", "no", "'", "\u001b", "\ufffd",
        ];
        string[] names =
        [
            "mynetworks", "smtpd_timeout", "a", "smtpd_client_event_limit_exceptions", "smtpd_hard_error_limit", "inet_interfaces", "smtpd_relay_restrictions",
            "myhostname", "mydomain", "syslog_name", "smtpd_forbidden_commands", "stress", "x",
        ];
        string Value() => string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => words[random.Next(words.Length)]));
        var main = string.Concat(names.Select(name => $"{name} = {Value()}\n"));
        var (status, lines, _) = Import(main,
            $"smtp inet n - y - - smtpd -o smtpd_timeout={Value().Replace(" ", "", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal)}\n");
        Assert.That(status, Is.Zero, main);
        File.WriteAllText(Path.Combine(_directory, "out.cf"), string.Join('\n', lines));
        Assert.That(ShieldConfiguration.Load(Path.Combine(_directory, "out.cf"), []).Errors, Is.Empty, main);
    }

    [TestCase("mynetworks = ")]
    [TestCase("smtpd_banner = ")]
    [TestCase("smtpd_hard_error_limit = ${")]
    public void Import_LongLine_IsRead(string start)
    {
        var value = new StringBuilder(start);
        while (value.Length < 10_000_000)
            value.Append("192.0.2.1, ");
        Assert.That(Import(value + "\n", Service + "x inet n - y - - smtpd -o { a = " + value.Replace("{", "") + "}\n").Status, Is.Zero);
    }

    [Test]
    public void Import_ToFile_IsWhole()
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var target = Path.Combine(_directory, "shield.cf");
        var (status, output, _) = Run(_directory, "-o", target);
        Assert.That((status, output), Is.EqualTo((0, "")));
        Check(File.ReadAllText(target));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(target),
                Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead));
        Assert.That(Directory.GetFiles(_directory), Has.Length.EqualTo(3));
    }

    [Test]
    public void Import_ToFileThatExists_LeavesItWithoutForce()
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var target = Path.Combine(_directory, "shield.cf");
        File.WriteAllText(target, "mine\n");
        Assert.That(Run(_directory, "-o", target), Is.EqualTo((1, "", (string[])[$"error: {target}: exists already and was left as it is; give another name, "
            + "or --force to replace it", "nothing was written"])));
        Assert.That(File.ReadAllText(target), Is.EqualTo("mine\n"));
        Assert.That(Run(_directory, "-o", target, "--force").Status, Is.Zero);
        Check(File.ReadAllText(target));
    }

    [TestCase("/dev/null", "/dev/null: is not a regular file; leave -o out for standard output")]
    [TestCase("/", "/: is a directory; name a file in it")]
    [TestCase("/nonexistent/a.cf", "/nonexistent/a.cf: No such file or directory")]
    public void Import_ToWhatIsNoFile_SaysWhy(string target, string expected)
    {
        File.WriteAllText(MainCf, "");
        File.WriteAllText(MasterCf, Service);
        var (status, _, errors) = Run(_directory, "-o", target, "--force");
        Assert.That((status, errors[^2]), Is.EqualTo((1, $"error: {expected}")));
    }
}
