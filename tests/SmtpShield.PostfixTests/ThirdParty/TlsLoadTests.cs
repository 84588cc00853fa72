using System.Net;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// The program under handshakes: hundreds that stall while others deliver mail, and certificates that are replaced while clients come and go.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class TlsLoadTests
{
    private const int Stalled = 500;

    // The begin of a record with a ClientHello of 508 octets.
    private static readonly byte[] s_halfHello =
    [
        0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, .. Enumerable.Range(0, 40).Select(number => (byte)number),
    ];
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(90);
    private PostfixInstance? _postfix;
    private string _directory = "";

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private string ChainFile => Path.Combine(_directory, "chain.pem");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-load-").FullName;
        await File.WriteAllTextAsync(ChainFile, TestCertificate.Make(PostfixInstance.HostName).Chain, cancellationToken);
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    [CancelAfter(240_000)]
    [Property("Hazard", "TLS-08")]
    public async Task Handshakes_HundredsStalled_OthersAreServedMeanwhileAndTheStalledAreClosed(CancellationToken cancellationToken)
    {
        var (shield, wrapped) = await StartShieldAsync([], cancellationToken);
        await using var _ = shield;
        var stalled = new List<Socket>();
        try
        {
            // From ten addresses, silent or with half a ClientHello, behind STARTTLS or in wrapper mode. A few at a time: until STARTTLS
            // each has a session of Postfix's.
            foreach (var some in Enumerable.Range(0, Stalled).Chunk(20))
            {
                stalled.AddRange(await Task.WhenAll(some.Select(async number =>
                {
                    var isWrapped = number % 4 < 2;
                    var socket = await StallAsync(isWrapped ? wrapped : shield.EndPoint, $"127.86.{number % 10}.1", isWrapped, cancellationToken);
                    if (number % 2 == 0)
                        await socket.SendAsync(s_halfHello, cancellationToken);
                    return socket;
                })));
            }

            foreach (var (server, isWrapped, box) in ((IPEndPoint, bool, string)[])[(shield.EndPoint, false, "box1"), (wrapped, true, "box2")])
            {
                await using var other = await TlsSmtpClient.ConnectWithTlsAsync(server, "127.86.99.1", isWrapped, cancellationToken);
                await other.BeginMessageAsync(box, cancellationToken);
                Assert.That(await other.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
                Assert.That(await other.CommandAsync("Subject: x\r\n\r\nx\r\n.", cancellationToken), Does.StartWith("250 2.0.0 Ok: queued"));
                Assert.That(await other.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
                Assert.That(await Postfix.WaitForMessagesAsync(box, 1, s_limit, cancellationToken), Has.Count.EqualTo(1));
            }
            Assert.That(TimedOut(shield), Is.Zero, "nobody had to wait until a stalled handshake was over");

            // Who waits for the shield's word behind STARTTLS gets none, in clear or otherwise.
            foreach (var socket in stalled)
                Assert.That(await ReadToEndAsync(socket, cancellationToken), Is.Empty);
            await Eventually.HoldsAsync(() => TimedOut(shield) == Stalled, s_limit, "each that stalled is logged", cancellationToken);
            await Eventually.HoldsAsync(() => shield.ConnectedSockets().Count == 0, s_limit, "no connection is left", cancellationToken);
            TestContext.Out.WriteLine($"VmHWM {shield.Status("VmHWM")} kB");
        }
        finally
        {
            stalled.ForEach(socket => socket.Dispose());
        }

        static int TimedOut(ShieldProcess shield) =>
            shield.Log.Texts.Count(text => text.StartsWith("SSL_accept error from unknown[127.86.", StringComparison.Ordinal)
                && text.EndsWith(": Connection timed out", StringComparison.Ordinal));
    }

    [Test]
    [CancelAfter(240_000)]
    public async Task Handshakes_AtTheLimit_WhoHoldsAPlaceIsRefusedAndANewcomerGetsThatOfASilentOne(CancellationToken cancellationToken)
    {
        var (shield, wrapped) = await StartShieldAsync(
            new() { ["shield_tls_handshake_limit"] = "100", ["shield_tls_handshake_timeout"] = "200s" }, cancellationToken);
        await using var _ = shield;
        var stalled = new List<Socket>();
        try
        {
            foreach (var some in Enumerable.Range(0, 100).Chunk(20))
                stalled.AddRange(await Task.WhenAll(some.Select(number => StallAsync(shield.EndPoint, $"127.87.{number}.1", false, cancellationToken))));
            await using var client = await TlsSmtpClient.ConnectAsync(shield.EndPoint, "127.87.99.1", cancellationToken);
            await client.ReplyAsync(cancellationToken);
            await client.CommandAsync("EHLO client.example", cancellationToken);
            Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Does.StartWith("454 4.7.0 "));
            // In clear it goes on, as it does when others' handshakes are over.
            Assert.That(await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("RSET", cancellationToken), Does.StartWith("250"));
            stalled[^1].Dispose();
            await Eventually.HoldsAsync(() => shield.Log.Texts.Any(text => text.StartsWith("SSL_accept error", StringComparison.Ordinal)), s_limit,
                "a handshake is over", cancellationToken);
            Assert.That(await client.CommandAsync("STARTTLS", cancellationToken), Does.StartWith("220 "));
            await client.HandshakeAsync(cancellationToken);
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));

            // One that has none gets the place of the one that has been silent for the longest. Until that is a second, 454; from the soft
            // limit on those are a second apart.
            stalled.Add(await StallAsync(shield.EndPoint, "127.87.201.1", false, cancellationToken));
            await using (var newcomer = await TlsSmtpClient.ConnectAsync(shield.EndPoint, "127.87.200.1", cancellationToken))
            {
                await newcomer.ReplyAsync(cancellationToken);
                await newcomer.CommandAsync("EHLO client.example", cancellationToken);
                var reply = "454 ";
                for (var attempt = 0; attempt < 15 && reply.StartsWith("454 ", StringComparison.Ordinal); attempt++)
                    reply = await newcomer.CommandAsync("STARTTLS", cancellationToken);
                Assert.That(reply, Does.StartWith("220 "));
                await newcomer.HandshakeAsync(cancellationToken);
                Assert.That(await newcomer.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
            }

            // In wrapper mode nothing says that a handshake has begun: of ten more than the limit, ten are closed.
            var begin = stalled.Count;
            for (var number = 0; number < 110; number++)
                stalled.Add(await StallAsync(wrapped, $"127.88.{number}.1", true, cancellationToken));
            await Eventually.HoldsAsync(() => stalled.Skip(begin).Count(IsClosed) == 10, s_limit, "ten are closed", cancellationToken);
            await Eventually.HoldsAsync(() => shield.Log.Texts
                .Count(text => text.StartsWith("disconnect from unknown[127.88.", StringComparison.Ordinal)) == 10, s_limit, "their lines", cancellationToken);
            Assert.That(stalled.Skip(begin).Count(IsClosed), Is.EqualTo(10));
        }
        finally
        {
            stalled.ForEach(socket => socket.Dispose());
        }

        static bool IsClosed(Socket socket) => socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0;
    }

    [Test]
    [CancelAfter(240_000)]
    public async Task Certificate_ReplacedUnderLoad_ServedWithinSecondsAndNoHandshakeFails(CancellationToken cancellationToken)
    {
        var live = Directory.CreateDirectory(Path.Combine(_directory, "live")).FullName;
        var (certificateFile, keyFile) = (Path.Combine(live, "fullchain.pem"), Path.Combine(live, "privkey.pem"));
        var first = TestCertificate.Make("first.test");
        // As certbot has them: links into an archive.
        Link(first, 1);
        var (shield, wrapped) = await StartShieldAsync(
            new() { ["smtpd_tls_chain_files"] = "", ["smtpd_tls_cert_file"] = certificateFile, ["smtpd_tls_key_file"] = keyFile }, cancellationToken);
        await using var _ = shield;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var served = new string[4];
        var clients = Enumerable.Range(0, served.Length).Select(number => HandshakesAsync(number, stop.Token)).ToArray();
        await ServedAsync(first);

        var second = TestCertificate.Make("second.test");
        Link(second, 2);
        await ServedAsync(second);

        var third = TestCertificate.Make("third.test");
        await File.WriteAllTextAsync(keyFile + ".new", third.KeyPem, cancellationToken);
        await File.WriteAllTextAsync(certificateFile + ".new", third.CertificatePem, cancellationToken);
        File.Move(keyFile + ".new", keyFile, overwrite: true);
        File.Move(certificateFile + ".new", certificateFile, overwrite: true);
        await ServedAsync(third);

        var fourth = TestCertificate.Make("fourth.test");
        await File.WriteAllTextAsync(certificateFile, fourth.CertificatePem, cancellationToken);
        await File.WriteAllTextAsync(keyFile, fourth.KeyPem, cancellationToken);
        await ServedAsync(fourth);
        const string inUse = ": new certificates are in use";
        Assert.That(shield.Log.Texts.Count(text => text == "service smtp" + inUse), Is.EqualTo(3));
        Assert.That(shield.Log.Texts.Count(text => text == "service wrapper" + inUse), Is.EqualTo(3));

        // A key of another certificate: the earlier pair stays in use, until the right one is there.
        var fifth = TestCertificate.Make("fifth.test");
        await File.WriteAllTextAsync(keyFile, fifth.KeyPem, cancellationToken);
        await shield.Log.WaitForAsync(texts => texts.Contains("warning: service wrapper: its certificates could not be loaded; the earlier ones stay in use"),
            "the warning", cancellationToken);
        Assert.That(shield.Log.Texts, Has.Some.Contains("the key and the certificate can't be used"), "what is wrong");
        await ServedAsync(fourth);
        await File.WriteAllTextAsync(certificateFile, fifth.CertificatePem, cancellationToken);
        await ServedAsync(fifth);

        await stop.CancelAsync();
        var handshakes = (await Task.WhenAll(clients)).Sum();
        await shield.Log.WaitForQuietAsync(cancellationToken);
        Assert.That(shield.Log.Texts, Has.None.StartsWith("SSL_accept error"));
        TestContext.Out.WriteLine($"{handshakes} handshakes");

        // A failed handshake is an exception, which fails the test.
        async Task<int> HandshakesAsync(int number, CancellationToken stopping)
        {
            var count = 0;
            for (; !stopping.IsCancellationRequested; count++)
            {
                var isWrapped = number % 2 == 0;
                await using var client = await TlsSmtpClient.ConnectWithTlsAsync(isWrapped ? wrapped : shield.EndPoint, $"127.89.1.{number + 1}",
                    isWrapped, cancellationToken);
                Volatile.Write(ref served[number], client.Certificate!);
                Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
            }
            return count;
        }

        async Task ServedAsync(TestCertificate certificate)
        {
            using var expected = certificate.Certificate;
            Array.Clear(served);
            await Eventually.HoldsAsync(() => Array.Exists(clients, client => client.IsCompleted)
                || Array.TrueForAll(served, print => print == expected.GetCertHashString()), TimeSpan.FromSeconds(20), expected.Subject, cancellationToken);
            if (Array.Find(clients, client => client.IsFaulted) is { } failed)
                await failed;
        }

        void Link(TestCertificate certificate, int number)
        {
            foreach (var (link, pem) in ((string, string)[])[(certificateFile, certificate.CertificatePem), (keyFile, certificate.KeyPem)])
            {
                var file = Path.Combine(_directory, $"{number}-{Path.GetFileName(link)}");
                File.WriteAllText(file, pem);
                File.Delete(link);
                File.CreateSymbolicLink(link, Path.Combine("..", Path.GetFileName(file)));
            }
        }
    }

    private static async Task<Socket> StallAsync(IPEndPoint server, string from, bool isWrapped, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            await socket.ConnectAsync(server, cancellationToken);
            if (isWrapped)
                return socket;
            await ReadReplyAsync("220 ");
            await socket.SendAsync("EHLO client.example\r\n"u8.ToArray(), cancellationToken);
            await ReadReplyAsync("250 ");
            await socket.SendAsync("STARTTLS\r\n"u8.ToArray(), cancellationToken);
            await ReadReplyAsync("220 ");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        async Task ReadReplyAsync(string code)
        {
            var (reply, buffer) = ("", new byte[4096]);
            while (!reply.EndsWith("\r\n", StringComparison.Ordinal) || !reply.TrimEnd().Split('\n')[^1].StartsWith(code, StringComparison.Ordinal))
            {
                var count = await socket.ReceiveAsync(buffer, cancellationToken);
                Assert.That(count, Is.Positive, reply);
                reply += Encoding.Latin1.GetString(buffer, 0, count);
            }
        }
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket, CancellationToken cancellationToken)
    {
        var (received, buffer) = (new List<byte>(), new byte[4096]);
        try
        {
            int count;
            while ((count = await socket.ReceiveAsync(buffer, cancellationToken)) > 0)
                received.AddRange(buffer[..count]);
        }
        catch (SocketException)
        {
            // Closed with octets of the client's unread.
        }
        return [.. received];
    }

    private async Task<(ShieldProcess Shield, IPEndPoint Wrapped)> StartShieldAsync(Dictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var wrapped = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var shield = await ShieldProcess.StartAsync(
            Postfix.EndPointOf("behind"),
            new Dictionary<string, string>
            {
                ["shield_services"] = "smtp wrapper",
                ["wrapper/inet/shield_listen"] = wrapped.ToString(),
                ["wrapper/inet/smtpd_tls_wrappermode"] = "yes",
                ["smtpd_tls_chain_files"] = ChainFile,
                ["smtpd_client_connection_count_limit"] = "0",
                ["shield_tls_handshake_timeout"] = "20s",
            }.Where(parameter => !parameters.ContainsKey(parameter.Key)).Concat(parameters).ToDictionary(),
            cancellationToken);
        await Eventually.HoldsAsync(() => LoopbackPorts.IsListening(wrapped.Port), s_limit, "the other service listens", cancellationToken);
        return (shield, wrapped);
    }
}
