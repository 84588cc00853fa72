using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Admission;
using SmtpShield.FunctionalTests.Tls;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;
using SmtpShield.Tls;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>What one client takes of the handshakes, and what is left for others; STARTTLS and wrapper mode, with sockets of different addresses.</summary>
[CancelAfter(120_000)]
public class HandshakeShareTests
{
    // A handshake record with a ClientHello of 508 octets begins so.
    private static readonly byte[] s_halfHello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly TestCertificate s_certificate = TestCertificate.Make("mail.example.com");

    private readonly List<Socket> _sockets = [];
    private readonly FakeTimeProvider _time = new();
    private ScriptedMta _mta = null!;
    private ShieldUnderTest _shield = null!;
    private string _chain = "";

    [SetUp]
    public void Create()
    {
        _chain = Path.GetTempFileName();
        File.WriteAllText(_chain, s_certificate.Chain);
        _mta = new();
        _mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mx ESMTP\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
                await connection.SendAsync(line == "QUIT" ? "221 bye\r\n" : "250 mx\r\n", CancellationToken.None);
        });
    }

    [TearDown]
    public async Task Dispose()
    {
        _sockets.ForEach(static socket => socket.Dispose());
        _sockets.Clear();
        await _mta.DisposeAsync();
        if (_shield is not null)
        {
            Assert.That(_shield.Log.Errors, Is.Empty);
            await _shield.DisposeAsync();
        }

        File.Delete(_chain);
    }

    [TestCase(5)]
    [TestCase(0)]
    public async Task Wrapper_ThousandSilentConnectionsOfOneAddress_OthersGetTlsAtOnce(int countLimit, CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = true }, new() { ClientConnectionCountLimit = countLimit }, cancellationToken);
        for (var number = 0; number < 1000; number++)
            await ConnectAsync("127.0.0.2", cancellationToken);
        await Eventually.HoldsAsync(() => Lines("connect from unknown[127.0.0.2]") == 1000, s_limit, "all have come", cancellationToken);
        var held = countLimit > 0 ? countLimit + 5 : 91;
        await Eventually.HoldsAsync(() => Lines("disconnect from unknown[127.0.0.2]") == 1000 - held, s_limit, "all others are closed", cancellationToken);

        Assert.That(await GreetingAsync("127.0.0.3", cancellationToken), Is.EqualTo("220 mx ESMTP"));
        Assert.That(_shield.Log.Lines, Has.None.Contains("timed out"));
    }

    [Test]
    public async Task Wrapper_ManyOverTheConnectionRate_FiveAreToldAndTheOthersGetNoHandshake(CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = true }, new() { ClientConnectionRateLimit = 5 }, cancellationToken);
        var greetings = new List<string>();
        for (var number = 0; number < 200; number++)
            greetings.Add(await GreetingAsync("127.0.0.2", cancellationToken));

        Assert.That(greetings[..5], Is.All.EqualTo("220 mx ESMTP"));
        Assert.That(greetings[5..10], Is.All.EqualTo("421 4.7.0 mail.example.com Error: too many connections from 127.0.0.2"));
        Assert.That(greetings[10..], Is.All.EqualTo("closed"));
        Assert.That(Lines("Anonymous TLS connection established from unknown[127.0.0.2]"), Is.EqualTo(10));
        Assert.That(Lines("Connection rate limit exceeded: "), Is.EqualTo(195), "as many as Postfix writes");

        // The time unit is over: within the limit again.
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.That(await GreetingAsync("127.0.0.2", cancellationToken), Is.EqualTo("220 mx ESMTP"));
    }

    [Test]
    public async Task Wrapper_ManyAtTheSameTimeOverTheConnectionRate_NoMoreGetAHandshake(CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = true }, new() { ClientConnectionRateLimit = 5 }, cancellationToken);
        var greetings = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => GreetingAsync("127.0.0.2", cancellationToken)));

        Assert.That(greetings.GroupBy(greeting => greeting[..3]).Select(group => (group.Key, group.Count())),
            Is.EquivalentTo(new[] { ("220", 5), ("421", 5), ("clo", 190) }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task NewTlsSessionRate_ManyAtTheSameTime_FewGetAHandshake(bool isWrapped, CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = isWrapped }, new() { ClientNewTlsSessionRateLimit = 5, ClientConnectionCountLimit = 0 }, cancellationToken);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ =>
            isWrapped ? GreetingAsync("127.0.0.2", cancellationToken) : StartTlsAsync("127.0.0.2", cancellationToken)));

        Assert.That(Lines("Anonymous TLS connection established"), Is.InRange(5, 10));
    }

    [Test]
    public async Task StartTls_HundredStalledOfTwoAddresses_AThirdGetsOne(CancellationToken cancellationToken)
    {
        await StartAsync(new() { HandshakeLimit = 100 }, new() { ClientConnectionCountLimit = 0 }, cancellationToken);
        var replies = new List<string>();
        for (var number = 0; number < 100; number++)
            replies.Add((await SayStartTlsAsync($"127.0.0.{2 + number % 2}", cancellationToken)).Reply);

        Assert.That(replies.Count(static reply => reply.StartsWith("220", StringComparison.Ordinal)), Is.EqualTo(16),
            "two shares: a tenth of what was free each time");
        Assert.That(await StartTlsAsync("127.0.0.4", cancellationToken), Is.EqualTo("250 mx"));
        Assert.That(_shield.Log.Lines,
            Has.Some.Match(@"^\d+ TLS handshakes of 127\.0\.0\.[23] are under way: further ones of it are refused until some are over$"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Wrapper_SilentOrHalfAHello_MakeRoomAfterASecondForOthers(bool isHalf, CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = true, HandshakeLimit = 20 }, new(), cancellationToken);
        var before = _time.ActiveTimers;
        for (var number = 0; number < 20; number++)
        {
            var socket = await ConnectAsync($"127.0.1.{number + 1}", cancellationToken);
            if (isHalf)
                await socket.SendAsync(s_halfHello, cancellationToken);
        }

        // Each has its time limit: all have begun.
        await Eventually.HoldsAsync(() => Lines("connect from unknown[127.0.1.") == 20, s_limit, "all have come", cancellationToken);
        await Eventually.HoldsAsync(() => _time.ActiveTimers >= before + 20, s_limit, "all have begun", cancellationToken);
        var early = await GreetingAsync("127.0.0.2", cancellationToken);
        _time.Advance(HandshakeSlots.Patience);
        var late = await GreetingAsync("127.0.0.2", cancellationToken);
        await Eventually.HoldsAsync(() => Lines("SSL_accept error from unknown[127.0.1.") == 1, s_limit, "one had to go", cancellationToken);

        Assert.That((early, late), Is.EqualTo(("closed", "220 mx ESMTP")));
        Assert.That(_shield.Log.Lines, Has.Some.Match(@"^20 TLS handshakes are under way, as many as shield_tls_handshake_limit allows: "
            + @"further ones are refused; most are of (127\.0\.1\.\d+ \(1\)(, |$)){5}"));
    }

    // What the MTA takes for the commands before STARTTLS is not the handshake's.
    [Test]
    public async Task StartTls_BehindACommandTheMtaWorksOn_HoldsNoPlace(CancellationToken cancellationToken)
    {
        await _mta.DisposeAsync();
        _mta = new();
        await StartAsync(new() { HandshakeLimit = 1 }, new(), cancellationToken);
        await using var slow = await RawSmtpClient.ConnectAsync(_shield.EndPoint, IPAddress.Parse("127.0.0.2"), cancellationToken);
        var working = await _mta.AcceptAsync(cancellationToken);
        await working.SendAsync("220 mx\r\n", cancellationToken);
        Assert.That(await slow.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        await slow.SendAsync("EHLO client.example\r\n", cancellationToken);
        Assert.That(await working.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO client.example"));
        await working.SendAsync("250-mx\r\n250 ENHANCEDSTATUSCODES\r\n", cancellationToken);
        Assert.That(await slow.ReplyAsync(cancellationToken), Does.StartWith("250-mx"));
        await slow.SendAsync("RSET\r\nSTARTTLS\r\n", cancellationToken);
        Assert.That(await working.ReadLineAsync(cancellationToken), Is.EqualTo("RSET"));

        await using (var other = await RawSmtpClient.ConnectAsync(_shield.EndPoint, IPAddress.Parse("127.0.0.3"), cancellationToken))
        {
            await (await _mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
            Assert.That(await other.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
            Assert.That(await other.CommandAsync("STARTTLS", cancellationToken), Does.StartWith("220"));

            // The place is taken now: the reply is another one than when the command came.
            await working.SendAsync("250 ok\r\n", cancellationToken);
            Assert.That(await slow.ReplyAsync(cancellationToken), Is.EqualTo("250 ok"));
            Assert.That(await slow.ReplyAsync(cancellationToken), Is.EqualTo("454 4.7.0 TLS not available due to local problem"));
        }

        await Eventually.HoldsAsync(() => Lines("disconnect from unknown[127.0.0.3]") == 1, s_limit, "the other is gone", cancellationToken);
        Assert.That(await slow.CommandAsync("STARTTLS", cancellationToken), Does.StartWith("220"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Handshake_OfWhoHasLeftMany_IsRefusedUntilTheTimeUnitIsOver(bool isReset, CancellationToken cancellationToken)
    {
        await StartAsync(new(), new(), cancellationToken);
        for (var number = 0; number < HandshakesInVain.MostLeft; number++)
        {
            await LeaveAsync("127.0.0.2", isReset, cancellationToken);
            await Eventually.HoldsAsync(() => Lines("SSL_accept error from unknown[127.0.0.2]") == number + 1, s_limit, "it is over", cancellationToken);
        }

        Assert.That((await SayStartTlsAsync("127.0.0.2", cancellationToken)).Reply, Does.StartWith("454 4.7.0 "));
        Assert.That(_shield.Log.Lines, Has.Some.EqualTo("Unfinished TLS handshake limit exceeded: 50 from unknown[127.0.0.2] for service smtp"));
        Assert.That(await StartTlsAsync("127.0.0.3", cancellationToken), Is.EqualTo("250 mx"));
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.That(await StartTlsAsync("127.0.0.2", cancellationToken), Is.EqualTo("250 mx"));
    }

    [Test]
    public async Task Handshake_OfWhoLeavesBeforeItBegins_IsNotRefused(CancellationToken cancellationToken)
    {
        await StartAsync(new() { WrapperMode = true }, new(), cancellationToken);
        for (var number = 0; number < 10; number++)
        {
            var socket = await ConnectAsync("127.0.0.2", cancellationToken);
            socket.Dispose();
        }

        await Eventually.HoldsAsync(() => Lines("disconnect from unknown[127.0.0.2]") == 10, s_limit, "all are gone", cancellationToken);
        Assert.That(await GreetingAsync("127.0.0.2", cancellationToken), Is.EqualTo("220 mx ESMTP"), "a check of the port is no attack");
    }

    private int Lines(string start) => _shield.Log.Lines.Count(line => line.StartsWith(start, StringComparison.Ordinal));

    private async Task StartAsync(TlsOptions tls, SmtpdLimitOptions limits, CancellationToken cancellationToken)
    {
        // A session that begins at the timestamp 0 would be none that has begun.
        _time.Advance(TimeSpan.FromSeconds(1));
        var options = ShieldUnderTest.Before(_mta);
        _shield = await ShieldUnderTest.StartAsync(
            options with { Tls = tls with { ChainFiles = [_chain], LogLevel = 1 }, Limits = limits,
                Listener = options.Listener with { DefaultProcessLimit = 3000 } }, cancellationToken, _time);
    }

    private async Task<Socket> ConnectAsync(string from, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        lock (_sockets)
            _sockets.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(_shield.EndPoint, cancellationToken);
        return socket;
    }

    // The first line inside TLS; "closed" where the server has closed without its part of the handshake.
    private async Task<string> GreetingAsync(string from, CancellationToken cancellationToken)
    {
        var stream = new NetworkStream(await ConnectAsync(from, cancellationToken), ownsSocket: true);
        await using var tls = new SslStream(stream);
        try
        {
            await tls.AuthenticateAsClientAsync(Trusting(), cancellationToken);
        }
        catch (IOException)
        {
            return "closed";
        }

        using var reader = new StreamReader(tls);
        return await reader.ReadLineAsync(cancellationToken) ?? "closed";
    }

    private async Task<string> StartTlsAsync(string from, CancellationToken cancellationToken)
    {
        var (client, reply) = await SayStartTlsAsync(from, cancellationToken);
        if (!reply.StartsWith("220", StringComparison.Ordinal))
            return reply;

        await using var tls = new SslStream(new NetworkStream(client, ownsSocket: false));
        await tls.AuthenticateAsClientAsync(Trusting(), cancellationToken);
        await tls.WriteAsync("EHLO client.example\r\n"u8.ToArray(), cancellationToken);
        using var reader = new StreamReader(tls);
        return await reader.ReadLineAsync(cancellationToken) ?? "closed";
    }

    private async Task<(Socket Client, string Reply)> SayStartTlsAsync(string from, CancellationToken cancellationToken)
    {
        var socket = await ConnectAsync(from, cancellationToken);
        Assert.That(await ReadAsync(socket, cancellationToken), Is.EqualTo("220 mx ESMTP"));
        await socket.SendAsync("STARTTLS\r\n"u8.ToArray(), cancellationToken);
        return (socket, await ReadAsync(socket, cancellationToken));
    }

    // Takes the server's part of the handshake and gives nothing for it.
    private async Task LeaveAsync(string from, bool isReset, CancellationToken cancellationToken)
    {
        var (client, reply) = await SayStartTlsAsync(from, cancellationToken);
        Assert.That(reply, Does.StartWith("220"));
        // Its ClientHello alone is sent: it has the server's answer, and leaves.
        var tls = new SslStream(new CuttingStream(new NetworkStream(client, ownsSocket: false)) { WholeWrites = 1, CutAt = 0 });
        await tls.AuthenticateAsClientAsync(Trusting(), cancellationToken);
        if (isReset)
            client.Close(0);
        else
            client.Shutdown(SocketShutdown.Both);
        client.Dispose();
    }

    private static async Task<string> ReadAsync(Socket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[512];
        return Encoding.Latin1.GetString(buffer, 0, await socket.ReceiveAsync(buffer, cancellationToken)).TrimEnd();
    }

    private static SslClientAuthenticationOptions Trusting() => new()
    {
        TargetHost = "mail.example.com",
        AllowTlsResume = false,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=mail.example.com",
    };
}
