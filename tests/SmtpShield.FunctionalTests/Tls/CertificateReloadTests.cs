using System.Net.Security;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>Certificates replaced while clients come and go.</summary>
[CancelAfter(120_000)]
public class CertificateReloadTests
{
    private const int Replacements = 100;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-tls-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Handshakes_WhileThePairIsReplaced_NeverFailAndEndWithTheNewOne(CancellationToken cancellationToken)
    {
        var (first, other) = (TestCertificate.Make("first.test"), TestCertificate.Make("other.test"));
        var (certificateFile, keyFile) = (Path.Combine(_directory, "cert.pem"), Path.Combine(_directory, "key.pem"));
        Write(certificateFile, keyFile, first);
        var snapshot = new ShieldSnapshot(new() { Tls = new() { CertificateFile = certificateFile, KeyFile = keyFile } });
        await using var listener = new TlsListener(snapshot.Current.Tls, service: new("smtp", snapshot));
        await using var held = await listener.ConnectAsync();
        using var stop = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 4).Select(_ => HandshakesAsync(listener, stop.Token)).ToArray();
        for (var i = 0; i < Replacements; i++)
        {
            // Half of a certificate, a key of another one, and then a pair; each is looked at by a reload, as SIGHUP makes one.
            var next = i % 2 == 0 ? other : first;
            await File.WriteAllTextAsync(certificateFile, next.CertificatePem[..^(30 + i)], cancellationToken);
            snapshot.Replace(snapshot.Current with { Log = new() });
            await File.WriteAllTextAsync(certificateFile, next.CertificatePem, cancellationToken);
            snapshot.Replace(snapshot.Current with { Log = new() });
            await File.WriteAllTextAsync(keyFile, next.KeyPem, cancellationToken);
            snapshot.Replace(snapshot.Current with { Log = new() });
            await Task.Yield();
        }

        var last = TestCertificate.Make("last.test");
        Write(certificateFile, keyFile, last);
        await Eventually.HoldsAsync(() => listener.Certificates.Current.Default?.Leaf.Subject == "CN=last.test", s_limit,
            "the last pair is in use, by itself", cancellationToken);
        await stop.CancelAsync();
        var handshakes = (await Task.WhenAll(clients)).Sum();
        await using var final = await listener.ConnectAsync();
        await held.WriteAsync("still"u8.ToArray(), cancellationToken);
        var echo = new byte[5];
        await held.ReadExactlyAsync(echo, cancellationToken);

        Assert.That((handshakes > 0, final.RemoteCertificate?.Subject, held.RemoteCertificate?.Subject), Is.EqualTo((true, "CN=last.test", "CN=first.test")));
        Assert.That(listener.Log.Lines, Has.None.StartsWith("SSL_accept error"));
        Assert.That(listener.Log.Lines.Count(line => line == "service smtp: new certificates are in use"), Is.EqualTo(Replacements + 1));
        await TestContext.Out.WriteLineAsync($"{handshakes} handshakes");
    }

    // Each success or exception counts: a refused handshake fails the test.
    private static async Task<int> HandshakesAsync(TlsListener listener, CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            await using SslStream client = await listener.ConnectAsync();
            await client.WriteAsync("x"u8.ToArray(), CancellationToken.None);
            await client.ReadExactlyAsync(new byte[1], CancellationToken.None);
            await client.ShutdownAsync();
        }

        return count;
    }

    private static void Write(string certificateFile, string keyFile, TestCertificate certificate)
    {
        File.WriteAllText(certificateFile, certificate.CertificatePem);
        File.WriteAllText(keyFile, certificate.KeyPem);
    }
}
