using System.Net;
using System.Net.Security;
using System.Runtime.Versioning;
using SmtpShield.Control.Admin;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The API over TLS, with a certificate that is renewed while it runs, and with none that can be used.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(60_000)]
[Property("Operations", "OPS-42")]
internal sealed class AdminTlsTests
{
    private string _directory = "";
    private string _token = "";
    private IPEndPoint _endpoint = new(0, 0);

    private string Chain => Path.Combine(_directory, "chain.pem");

    [SetUp]
    public void Make()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-admin-tls-").FullName;
        var users = Path.Combine(_directory, "users");
        File.WriteAllText(users, $"{AdminUser.WithToken("robot", AdminRole.View, DateTimeOffset.MaxValue.AddYears(-1), out _token)}\n");
        File.SetUnixFileMode(users, UnixFileMode.UserRead);
        _endpoint = new(IPAddress.Loopback, LoopbackPorts.Take());
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Ask_OverTls_IsAnsweredWithTheCertificateThatIsThere(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await File.WriteAllTextAsync(Chain, TestCertificate.Make("one.example").Chain, cancellationToken);
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, time, cancellationToken);
        Assert.That(await AskAsync(cancellationToken), Is.EqualTo((200, "CN=one.example")));

        await File.WriteAllTextAsync(Chain, TestCertificate.Make("another.example").Chain, cancellationToken);
        // Seen, and settled.
        time.Advance(TimeSpan.FromSeconds(1));
        await AskAsync(cancellationToken);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await AskAsync(cancellationToken), Is.EqualTo((200, "CN=another.example")));

        await File.WriteAllTextAsync(Chain, "nothing", cancellationToken);
        for (var i = 0; i < 2; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.That(await AskAsync(cancellationToken), Is.EqualTo((200, "CN=another.example")), "the earlier one");
        }

        Assert.That(shield.Log.Lines, Has.Some.StartsWith(Chain));
    }

    [Test]
    public async Task Start_WithoutACertificateThatCanBeUsed_ServesMailAndNothingThere(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, TimeProvider.System, cancellationToken);
        Assert.That(shield.Log.Lines, Has.Some.StartsWith("shield_admin_listen: shield_admin_tls_chain_files can't be used"));
        Assert.That(async () => await AskAsync(cancellationToken), Throws.TypeOf<HttpRequestException>());
        await using var client = await shield.ConnectAsync(cancellationToken);
        await (await mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
    }

    private Task<ShieldUnderTest> StartAsync(ScriptedMta mta, TimeProvider time, CancellationToken cancellationToken) => ShieldUnderTest.StartAsync(
        ShieldUnderTest.Before(mta) with
        {
            Control = new() { AdminEndpoints = [_endpoint], AdminUsersFile = Path.Combine(_directory, "users"), AdminChainFiles = [Chain] },
        },
        cancellationToken, time);

    private async Task<(int Status, string? Subject)> AskAsync(CancellationToken cancellationToken)
    {
        string? subject = null;
        using var http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    subject = certificate?.Subject;
                    return certificate is not null;
                },
            },
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{_endpoint}/v1/status") { Headers = { { "Authorization", $"Bearer {_token}" } } };
        using var response = await http.SendAsync(request, cancellationToken);
        return ((int)response.StatusCode, subject);
    }
}
