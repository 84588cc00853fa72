using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>
/// Dialing an MTA that speaks TLS, over sockets: what goes in clear, what does not, and how it ends. Each dialogue also with one octet a packet.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(60_000)]
internal sealed class UpstreamTlsTests : IDisposable
{
    private const string Offer = "250-mx\r\n250-STARTTLS\r\n250 XCLIENT NAME ADDR PORT\r\n";
    private static readonly TestCertificate Certificate = TestCertificate.Make("mx.example.test");
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private WebApplication? _application;
    private string? _askedName;

    [SetUp]
    public void Listen() => _listener.Start();

    [TearDown]
    public async Task TearDown()
    {
        if (_application is not null)
            await _application.DisposeAsync();
    }

    public void Dispose() => _listener.Dispose();

    [TestCase(false), TestCase(true)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_StartTlsAndXclient_ClientIsNamedInTlsOnly(bool byOctets, CancellationToken cancellationToken)
    {
        Host(new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt, Name = "mx.example.test" }, ClientHandoff.Xclient);
        var dial = DialAsync(cancellationToken);
        using var mta = await AcceptAsync(byOctets, cancellationToken);
        await mta.SayAsync("220 mx\r\n");
        Assert.That(await mta.HearAsync(), Is.EqualTo("EHLO mail.example.com\r\n"));
        await mta.SayAsync(Offer);
        Assert.That(await mta.HearAsync(), Is.EqualTo("STARTTLS\r\n"));
        await mta.SayAsync("220 go\r\n");
        await HandshakeAsync(mta);
        Assert.That(await mta.HearAsync(), Is.EqualTo("EHLO mail.example.com\r\n"));
        await mta.SayAsync("250-mx\r\n250 XCLIENT ADDR\r\n");
        Assert.That(await mta.HearAsync(), Is.EqualTo("XCLIENT ADDR=198.51.100.7\r\n"));
        await mta.SayAsync("220 for the client\r\n");

        var connection = (await dial).Connection!;
        Assert.That((Encoding.ASCII.GetString(connection.Greeting.Span), connection.Tls?.Protocol, _askedName),
            Is.EqualTo(("220 for the client\r\n", "TLSv1.3", "mx.example.test")));
        await connection.Transport.Output.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);
        Assert.That(await mta.HearAsync(), Is.EqualTo("QUIT\r\n"));
        await connection.DisposeAsync();
        // SslStream tells close_notify from a connection that was cut.
        Assert.That(await mta.HearAsync(), Is.Empty);
        await LastSessionEndsAsync(cancellationToken);
    }

    [TestCase(false), TestCase(true)]
    [Property("Hazard", "ID-11")]
    public async Task DialAsync_WrapperModeAndProxy_HeaderIsInClearAndTheRestIsNot(bool byOctets, CancellationToken cancellationToken)
    {
        Host(new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt, WrapperMode = true }, ClientHandoff.ProxyV1);
        var dial = DialAsync(cancellationToken);
        using var mta = await AcceptAsync(byOctets, cancellationToken);
        Assert.That(await mta.HearAsync(), Is.EqualTo("PROXY TCP4 198.51.100.7 203.0.113.1 40000 25\r\n"));
        await HandshakeAsync(mta);
        await mta.SayAsync("220-mx\r\n220 ESMTP\r\n");

        await using var connection = (await dial).Connection!;
        Assert.That(Encoding.ASCII.GetString(connection.Greeting.Span), Is.EqualTo("220-mx\r\n220 ESMTP\r\n"));
    }

    [TestCase("mx.example.test", true), TestCase("other.example.test", false), TestCase("", false)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_Verify_WantsTheNameInTheCertificate(string name, bool serves, CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Certificate.CertificatePem, cancellationToken);
            Host(new() { SecurityLevel = UpstreamTlsSecurityLevel.Verify, WrapperMode = true, CAFile = file, Name = name }, ClientHandoff.None);
            var dial = DialAsync(cancellationToken);
            using var mta = await AcceptAsync(false, cancellationToken);
            // With TLS 1.3 the server is done before the client has looked.
            await HandshakeAsync(mta);
            try
            {
                await mta.SayAsync("220 mx\r\n");
            }
            catch (IOException) when (!serves)
            {
                // The shield was faster.
            }

            var result = await dial;

            Assert.That(result.Failures.Select(static failure => failure.Reason),
                Is.EqualTo(serves ? Array.Empty<string>() : ["Server certificate not verified"]));
            if (result.Connection is { } connection)
                await connection.DisposeAsync();
            await LastSessionEndsAsync(cancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [TestCase(UpstreamTlsSecurityLevel.May), TestCase(UpstreamTlsSecurityLevel.Encrypt)]
    [Property("Hazard", "TLS-16")]
    public async Task DialAsync_MtaBreaksOffTheHandshake_FailsAndSaysNothingMore(UpstreamTlsSecurityLevel level, CancellationToken cancellationToken)
    {
        Host(new() { SecurityLevel = level }, ClientHandoff.None);
        var dial = DialAsync(cancellationToken);
        using var mta = await AcceptAsync(false, cancellationToken);
        await mta.SayAsync("220 mx\r\n");
        await mta.HearAsync();
        await mta.SayAsync(Offer);
        await mta.HearAsync();
        await mta.SayAsync("220 go\r\n");
        await mta.HearAsync();
        await mta.SayAsync("\x15\x03\x03\0\x02\x02\x28"); // A fatal alert, handshake_failure.

        Assert.That((await dial).Failures.Single().Reason, Is.EqualTo("Cannot start TLS: handshake failure"));
        Assert.That(await mta.HearAsync(), Does.Not.Contain("MAIL").And.Not.Contain("EHLO"));
        await LastSessionEndsAsync(cancellationToken);
    }

    [Test, Property("Hazard", "TLS-16")]
    public async Task Dispose_MtaTakesNothing_IsNotWaitedForLong(CancellationToken cancellationToken)
    {
        Host(new() { SecurityLevel = UpstreamTlsSecurityLevel.Encrypt, WrapperMode = true }, ClientHandoff.None);
        var dial = DialAsync(cancellationToken);
        using var mta = await AcceptAsync(false, cancellationToken);
        await HandshakeAsync(mta);
        await mta.SayAsync("220 mx\r\n");
        var connection = (await dial).Connection!;
        var chunk = new byte[65536];
        Task write;
        do
            write = connection.Transport.Output.WriteAsync(chunk, cancellationToken).AsTask();
        while (write.IsCompleted);

        // The test's own time limit says whether it ends.
        await connection.DisposeAsync();

        await LastSessionEndsAsync(cancellationToken);
    }

    private async Task HandshakeAsync(Mta mta)
    {
        using var pem = X509Certificate2.CreateFromPem(Certificate.CertificatePem, Certificate.KeyPem);
        await mta.HandshakeAsync(new SslServerAuthenticationOptions
        {
            ServerCertificateSelectionCallback = (_, name) =>
            {
                _askedName = name;
                return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            },
        });
    }

    private async Task<Mta> AcceptAsync(bool byOctets, CancellationToken cancellationToken) =>
        new(await _listener.AcceptTcpClientAsync(cancellationToken), byOctets, cancellationToken);

    private void Host(UpstreamTlsOptions tls, ClientHandoff handoff)
    {
        var end = (IPEndPoint)_listener.LocalEndpoint;
        var options = new ShieldOptions
        {
            Smtpd = new() { MyHostname = "mail.example.com" },
            Upstream = new() { Destinations = [new("127.0.0.1", end.Port)], ClientHandoff = handoff },
            UpstreamTls = tls,
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new ShieldSnapshot(options)).AddUpstream();
        _application = builder.Build();
        _application.MapUpstream();
    }

    private Task<UpstreamDialResult> DialAsync(CancellationToken cancellationToken) => _application!.Services.GetRequiredService<UpstreamPool>().DialAsync(
        ServiceOptions.DefaultName,
        _application.Services.GetRequiredService<ShieldSnapshot>().Current,
        new(new(new(IPAddress.Parse("198.51.100.7"), 40000)), new(IPAddress.Parse("203.0.113.1"), 25)),
        wake: static () => { },
        cancellationToken,
        cancellationToken).AsTask();

    // A second later at the latest, whatever the MTA does.
    private Task LastSessionEndsAsync(CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () => SessionsOf() == 0, TimeSpan.FromSeconds(30), "the session with the MTA is over", cancellationToken);

    private int SessionsOf() => _application!.Services.GetRequiredService<UpstreamMaintenance>().SessionsAt($"{_listener.LocalEndpoint}");

    /// <summary>One session of the MTA, in clear and then in TLS.</summary>
    private sealed class Mta(TcpClient client, bool byOctets, CancellationToken cancellationToken) : IDisposable
    {
        private readonly byte[] _buffer = new byte[65536];
        private readonly Splitting _raw = new(client, byOctets);
        private SslStream? _tls;

        private Stream Stream => _tls ?? (Stream)_raw;

        public ValueTask SayAsync(string text) => Stream.WriteAsync(Encoding.Latin1.GetBytes(text), cancellationToken);

        /// <summary>One line, or what comes of something else; empty at the end.</summary>
        public async Task<string> HearAsync()
        {
            var heard = "";
            do
            {
                // Octet by octet in clear: what is behind a line is the handshake's.
                var count = await Stream.ReadAsync(_buffer.AsMemory(0, _tls is null ? 1 : _buffer.Length), cancellationToken);
                if (count == 0)
                    return heard;
                heard += Encoding.Latin1.GetString(_buffer, 0, count);
            }
            while (!heard.EndsWith("\r\n", StringComparison.Ordinal) && heard[0] != '\x16' && heard[0] != '\x15');
            return heard;
        }

        public async Task HandshakeAsync(SslServerAuthenticationOptions options)
        {
            _tls = new SslStream(_raw);
            await _tls.AuthenticateAsServerAsync(options, cancellationToken);
        }

        public void Dispose()
        {
            _tls?.Dispose();
            client.Dispose();
        }
    }

    /// <summary>A socket's stream that sends each octet on its own.</summary>
    private sealed class Splitting : NetworkStream
    {
        private readonly bool _byOctets;

        public Splitting(TcpClient client, bool byOctets)
            : base(client.Client)
        {
            client.NoDelay = true;
            _byOctets = byOctets;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (var size = _byOctets ? 1 : buffer.Length; !buffer.IsEmpty; buffer = buffer[size..])
                await base.WriteAsync(buffer[..size], cancellationToken);
        }
    }
}
