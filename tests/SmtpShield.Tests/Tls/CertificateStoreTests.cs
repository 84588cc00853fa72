using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Tls;

public class CertificateStoreTests
{
    private static readonly TestCertificate s_one = TestCertificate.Make("one.test");
    private static readonly TestCertificate s_two = TestCertificate.Make("two.test");

    private FakeTimeProvider _time = null!;
    private FakeLogCollector _log = null!;
    private string _directory = "";

    [SetUp]
    public void Begin()
    {
        _time = new();
        _log = new();
        _directory = Directory.CreateTempSubdirectory("smtpshield-tls-").FullName;
    }

    [TearDown]
    public void End()
    {
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public void Current_OfAChainFile_IsItsCertificate()
    {
        using var store = Open(new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)] });

        Assert.That(NameOf(store), Is.EqualTo("CN=one.test"));
    }

    [Test]
    public void Current_OfTwoFiles_IsTheirPair()
    {
        using var store = Open(new() { CertificateFile = WriteFile("cert.pem", s_one.CertificatePem), KeyFile = WriteFile("key.pem", s_one.KeyPem) });

        Assert.That((NameOf(store), store.Current.Default?.Leaf.HasPrivateKey), Is.EqualTo(("CN=one.test", true)));
    }

    [Test]
    public void Current_OfNothing_HasNoCertificate()
    {
        using var store = Open(new());

        Assert.That(store.Current.Default, Is.Null);
    }

    [Test]
    public void Current_OfSeveralChains_IsTheFirstWithAWarning()
    {
        using var store = Open(new() { ChainFiles = [WriteFile("one.pem", s_one.Chain), WriteFile("two.pem", s_two.Chain)] });

        Assert.That(NameOf(store), Is.EqualTo("CN=one.test"));
        Assert.That(_log.Lines.Single(), Does.Contain("two.pem: smtpd_tls_chain_files: only the first key and chain is used"));
    }

    [Test]
    public void Current_OfAKeyAndAChainInFilesOfTheirOwn_IsOneChain()
    {
        using var store = Open(new() { ChainFiles = [WriteFile("key.pem", s_one.KeyPem), WriteFile("cert.pem", s_one.CertificatePem)] });

        Assert.That(NameOf(store), Is.EqualTo("CN=one.test"));
    }

    [TestCase("missing", "No such file or directory")]
    [TestCase("empty", "has no PEM objects")]
    [TestCase("half", "has a PEM object without its end")]
    [TestCase("certificate first", "begins with a certificate")]
    [TestCase("no certificate", "has no certificate for its private key")]
    [TestCase("mismatch", "the key and the certificate can't be used")]
    [TestCase("encrypted", "the private key is encrypted")]
    [TestCase("nonsense", "the key and the certificate can't be used")]
    public void Open_OfWhatCannotBeUsed_SaysWhy(string kind, string reason)
    {
        var text = kind switch
        {
            "empty" => "",
            "half" => s_one.Chain[..^60],
            "certificate first" => s_one.CertificatePem + "\n" + s_one.KeyPem,
            "no certificate" => s_one.KeyPem,
            "mismatch" => s_one.KeyPem + "\n" + s_two.CertificatePem,
            "encrypted" => s_one.Chain.Replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", StringComparison.Ordinal),
            "nonsense" => "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + s_one.CertificatePem,
            _ => null,
        };
        var file = text is null ? Path.Combine(_directory, "missing.pem") : WriteFile("bad.pem", text);

        Assert.That(() => Open(new() { ChainFiles = [file] }),
            Throws.InstanceOf<CertificateException>().With.Message.Contains(reason).And.Message.Contains(file));
        Assert.That(CertificateStore.ProblemsOf(new() { ChainFiles = [file] }, _time),
            Has.Exactly(1).Property(nameof(ConfigurationProblem.Severity)).EqualTo(ProblemSeverity.Error));
    }

    [Test, CancelAfter(10_000)]
    public async Task ProblemsOf_ANamedPipe_DoNotWaitForAWriter(CancellationToken cancellationToken)
    {
        var pipe = Path.Combine(_directory, "pipe.pem");
        await OutsideProcess.RunSuccessfullyAsync("mkfifo", [pipe], TimeSpan.FromSeconds(5), cancellationToken);
        var problems = await Task.Run(() => CertificateStore.ProblemsOf(new() { ChainFiles = [pipe] }, _time), cancellationToken).WaitAsync(cancellationToken);

        Assert.That(problems.Select(static problem => problem.Message), Has.Exactly(1).EqualTo($"open {pipe}: Is a named pipe, not a regular file"));
    }

    [TestCase(1536, "the RSA key has only 1536 bits: OpenSSL may refuse every handshake with it")]
    [TestCase(2048, null)]
    public void ProblemsOf_AnRsaKey_WarnOfAShortOne(int bits, string? warning)
    {
        var file = WriteFile("rsa.pem", TestCertificate.MakeRsa("one.test", bits).Chain);

        Assert.That(CertificateStore.ProblemsOf(new() { ChainFiles = [file] }, TimeProvider.System)
            .Select(static problem => (problem.Severity, problem.Message)), Is.EqualTo(warning is null ? [] : new[] { (ProblemSeverity.Warning, warning) }));
    }

    [TestCase(2025, 2026, "the certificate has expired on 2026-01-01 00:00 UTC")]
    [TestCase(2027, 2028, "the certificate is not valid before 2027-01-01 00:00 UTC")]
    public void Open_OfACertificateOfAnotherTime_UsesItAndWarns(int begin, int end, string warning)
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        var certificate = TestCertificate.Make("one.test", new(begin, 1, 1, 0, 0, 0, TimeSpan.Zero), new(end, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var store = Open(new() { ChainFiles = [WriteFile("one.pem", certificate.Chain)] });

        Assert.That(NameOf(store), Is.EqualTo("CN=one.test"));
        Assert.That(_log.Lines.Single(), Does.Contain(warning));
    }

    [Test]
    public void Current_ShortlyBeforeTheEnd_WarnsOnceADay()
    {
        var certificate = TestCertificate.Make("one.test", null, _time.GetUtcNow().AddDays(13.5));
        using var store = Open(new() { ChainFiles = [WriteFile("one.pem", certificate.Chain)] });
        _time.Advance(TimeSpan.FromHours(47));

        Assert.That(_log.Lines.Select(line => line[line.IndexOf(": ", StringComparison.Ordinal)..]), Is.EqualTo(new[]
        {
            ": the certificate expires in 13 days (renew it)", ": the certificate expires in 12 days (renew it)",
        }));
    }

    [Test]
    public void Current_AfterTheFileHasChanged_IsTheNewCertificate()
    {
        var file = WriteFile("one.pem", s_one.Chain);
        using var store = Open(new() { ChainFiles = [file] });
        WriteFile("one.pem", s_two.Chain);
        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.That(NameOf(store), Is.EqualTo("CN=two.test"));
        Assert.That(_log.Lines, Is.EqualTo(new[] { "service smtp: new certificates are in use" }));
    }

    [Test]
    public void Current_AfterOneFileOfAPairHasChanged_StaysUntilTheOtherHas()
    {
        var (certificate, key) = (WriteFile("cert.pem", s_one.CertificatePem), WriteFile("key.pem", s_one.KeyPem));
        using var store = Open(new() { CertificateFile = certificate, KeyFile = key });
        WriteFile("cert.pem", s_two.CertificatePem);
        _time.Advance(TimeSpan.FromSeconds(3));
        var meanwhile = NameOf(store);
        WriteFile("key.pem", s_two.KeyPem);
        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.That((meanwhile, NameOf(store)), Is.EqualTo(("CN=one.test", "CN=two.test")));
        Assert.That(_log.Lines, Has.One.EqualTo("service smtp: its certificates could not be loaded; the earlier ones stay in use"));
    }

    [Test]
    public void Current_AfterAReloadWithoutAChange_IsTheSame()
    {
        var snapshot = new ShieldSnapshot(new() { Tls = new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)] } });
        using var store = OpenFrom(snapshot);
        var before = store.Current;
        snapshot.Replace(snapshot.Current with { Smtpd = new() { MyHostname = "other.test" } });

        Assert.That(store.Current, Is.SameAs(before));
        Assert.That(_log.Lines, Is.Empty);
    }

    [Test]
    public void Current_AfterAReloadThatNamesAnotherFile_IsItsCertificate()
    {
        var snapshot = new ShieldSnapshot(new() { Tls = new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)] } });
        using var store = OpenFrom(snapshot);
        snapshot.Replace(new() { Tls = new() { ChainFiles = [WriteFile("two.pem", s_two.Chain)] } });

        Assert.That(NameOf(store), Is.EqualTo("CN=two.test"));
    }

    [Test]
    public void Current_AfterACertificateForANameHasChanged_KeepsTheOthers()
    {
        var two = WriteFile("two.pem", s_two.Chain);
        using var store = Open(new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)], SniMaps = [$"inline:{{{{two.test = {two}}}}}"] });
        var (main, named) = (store.Current.Default, store.Current.Find("two.test"));
        WriteFile("two.pem", TestCertificate.Make("two.test").Chain);
        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.That((store.Current.Default == main, store.Current.Find("two.test") == named), Is.EqualTo((true, false)));
    }

    [TestCase("hash:{0}", "two.test {1}\n")]
    [TestCase("texthash:{0}", "# comment\n\n.Example.Test {1}\n  , {1}\ntwo.TEST\t{1}\n")]
    [TestCase("inline:{{ {{two.test = {1}}}, {{other.test = {1}}} }}", "")]
    [TestCase("inline:{{two.test={1}}}", "")]
    public void Find_InATable_FindsTheName(string map, string text)
    {
        var two = WriteFile("two.pem", s_two.Chain);
        var table = WriteFile("sni", string.Format(CultureInfo.InvariantCulture, text, "", two));
        using var store = Open(
            new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)], SniMaps = [string.Format(CultureInfo.InvariantCulture, map, table, two)] });

        Assert.That(store.Current.Find("Two.Test")?.Leaf.Subject, Is.EqualTo("CN=two.test"));
        Assert.That(store.Current.Find("three.test"), Is.Null);
    }

    [TestCase("regexp:/etc/x", "unsupported table type")]
    [TestCase("/etc/x", "unsupported table type")]
    [TestCase("hash:/nonexistent/x", "No such file or directory")]
    [TestCase("inline:two.test=x", "bad syntax")]
    [TestCase("inline:{two.test}", "bad entry: two.test")]
    [TestCase("inline:{-=x}", "bad entry: -")]
    public void Open_WithABadTable_SaysWhy(string map, string reason) =>
        Assert.That(() => Open(new() { ChainFiles = [WriteFile("one.pem", s_one.Chain)], SniMaps = [map] }),
            Throws.InstanceOf<CertificateException>().With.Message.Contains(reason));

    private static string? NameOf(CertificateStore store) => store.Current.Default?.Leaf.Subject;

    private CertificateStore Open(TlsOptions options) => OpenFrom(new ShieldSnapshot(new() { Tls = options }));

    private CertificateStore OpenFrom(ShieldSnapshot snapshot) =>
        new(new("smtp", snapshot), new Logger<CertificateStore>(new LoggerFactory([new FakeLoggerProvider(_log)])), _time);

    private string WriteFile(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }
}
