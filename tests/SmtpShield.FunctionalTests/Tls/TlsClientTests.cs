using System.Buffers;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Options;
using SmtpShield.Testing.Tls;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>The shield as the client of an MTA; the MTA is the shield's own server side.</summary>
[CancelAfter(60_000)]
public class TlsClientTests
{
    private static readonly TestCertificate s_authority = TestCertificate.Make("authority.test");
    private static readonly TestCertificate s_mta = s_authority.Issue("mta.test");
    private static readonly TestCertificate s_selfSigned = TestCertificate.Make("mta.test");

    private readonly TlsClient _client = new(TimeProvider.System);
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-tls-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase(UpstreamTlsSecurityLevel.May)]
    [TestCase(UpstreamTlsSecurityLevel.Encrypt)]
    public async Task ConnectAsync_WithoutVerification_TakesAnyCertificate(UpstreamTlsSecurityLevel level, CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_selfSigned);
        await using var connection = await ConnectRawAsync(mta);
        await using var transport = await _client.ConnectAsync(connection, "other.test", new() { SecurityLevel = level }, cancellationToken);
        await transport.Output.WriteAsync("EHLO x\r\n"u8.ToArray(), cancellationToken);
        var echo = await transport.Input.ReadAtLeastAsync(8, cancellationToken);

        Assert.That((Encoding.ASCII.GetString(echo.Buffer.FirstSpan), transport.Facts.Protocol, transport.Facts.Cipher),
            Is.EqualTo(("EHLO x\r\n", "TLSv1.3", "TLS_AES_256_GCM_SHA384")));
    }

    [TestCase("mta.test", "", true)]
    [TestCase("MTA.test", "", true)]
    [TestCase("127.0.0.1", "mta.test", true)]
    [TestCase("other.test", "", false)]
    [TestCase("mta.test", "other.test", false)]
    public async Task ConnectAsync_WithVerification_ChecksTheName(string host, string name, bool isRight, CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_mta);
        await using var connection = await ConnectRawAsync(mta);

        Assert.That(await TryAsync(connection, host, Verify(s_authority, name), cancellationToken),
            Is.EqualTo(isRight ? "" : "Server certificate not verified"));
    }

    [Test]
    public async Task ConnectAsync_WithAnUnknownAuthority_IsRefused(CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_mta);
        await using var connection = await ConnectRawAsync(mta);

        Assert.That(await TryAsync(connection, "mta.test", Verify(TestCertificate.Make("authority.test")), cancellationToken),
            Is.EqualTo("Server certificate not verified"));
    }

    [Test]
    public async Task ConnectAsync_WithTheSystemsAuthorities_IsRefused(CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_mta);
        await using var connection = await ConnectRawAsync(mta);

        Assert.That(await TryAsync(connection, "mta.test", new() { SecurityLevel = UpstreamTlsSecurityLevel.Verify }, cancellationToken),
            Is.EqualTo("Server certificate not verified"));
    }

    [Test]
    public async Task ConnectAsync_AfterTheAuthorityHasChanged_KnowsTheNewOne(CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_mta);
        var options = Verify(TestCertificate.Make("authority.test"));
        await using var first = await ConnectRawAsync(mta);
        var before = await TryAsync(first, "mta.test", options, cancellationToken);
        File.WriteAllText(options.CAFile, s_authority.CertificatePem);
        File.SetLastWriteTimeUtc(options.CAFile, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await using var second = await ConnectRawAsync(mta);

        Assert.That((before, await TryAsync(second, "mta.test", options, cancellationToken)), Is.EqualTo(("Server certificate not verified", "")));
    }

    [Test]
    public async Task ConnectAsync_WithAMissingAuthority_SaysSo(CancellationToken cancellationToken)
    {
        await using var mta = Mta(s_mta);
        await using var connection = await ConnectRawAsync(mta);
        var reason = await TryAsync(connection, "mta.test",
            new() { SecurityLevel = UpstreamTlsSecurityLevel.Verify, CAFile = "/nonexistent/ca.pem" }, cancellationToken);

        Assert.That(reason, Is.EqualTo("Cannot load certificate authorities from /nonexistent/ca.pem"));
    }

    [TestCase("220 not TLS\r\n")]
    [TestCase("")]
    public async Task ConnectAsync_ToWhatIsNotTls_Fails(string octets, CancellationToken cancellationToken)
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint, cancellationToken);
        await using var connection = new SocketConnection(socket, ArrayPool<byte>.Shared);
        using var mta = await listener.AcceptSocketAsync(cancellationToken);
        await mta.SendAsync(Encoding.ASCII.GetBytes(octets), cancellationToken);
        mta.Shutdown(SocketShutdown.Send);

        Assert.That(await TryAsync(connection, "mta.test", new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt }, cancellationToken),
            Is.EqualTo("Cannot start TLS: handshake failure"));
    }

    [Test]
    public async Task ConnectAsync_ToASilentMta_EndsWithItsToken(CancellationToken cancellationToken)
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint, cancellationToken);
        await using var connection = new SocketConnection(socket, ArrayPool<byte>.Shared);
        using var cancel = new CancellationTokenSource();
        var connecting = _client.ConnectAsync(connection, "mta.test", new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt }, cancel.Token).AsTask();
        await cancel.CancelAsync();

        Assert.That(async () => await connecting, Throws.InstanceOf<OperationCanceledException>());
    }

    private static async Task<SocketConnection> ConnectRawAsync(TlsListener mta)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(mta.EndPoint);
        return new(socket, ArrayPool<byte>.Shared);
    }

    private async Task<string> TryAsync(SocketConnection connection, string host, UpstreamTlsOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var transport = await _client.ConnectAsync(connection, host, options, cancellationToken);
            return "";
        }
        catch (TlsException exception)
        {
            return exception.Message;
        }
    }

    private TlsListener Mta(TestCertificate certificate) => new(new() { ChainFiles = [WriteFile("mta.pem", certificate.Chain)] });

    private UpstreamTlsOptions Verify(TestCertificate authority, string name = "") =>
        new() { SecurityLevel = UpstreamTlsSecurityLevel.Verify, CAFile = WriteFile("ca.pem", authority.CertificatePem), Name = name };

    private string WriteFile(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }
}
