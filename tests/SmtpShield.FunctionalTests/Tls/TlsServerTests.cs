using System.Net;
using System.Security.Authentication;
using System.Text;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;
using SmtpShield.Tls;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>Handshakes of clients. The expected log lines are those Postfix 3.7 wrote for the same clients, without <c>server-digest</c>.</summary>
[CancelAfter(60_000)]
public class TlsServerTests
{
    private static readonly TestCertificate s_rsa = TestCertificate.MakeRsa("rsa.test");
    private static readonly TestCertificate s_ec = TestCertificate.Make("ec.test");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    private string _directory = "";
    private TlsOptions _options = null!;

    [SetUp]
    public void WriteCertificates()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-tls-").FullName;
        _options = new() { ChainFiles = [WriteFile("rsa.pem", s_rsa.Chain)], LogLevel = 1 };
    }

    [TearDown]
    public void RemoveCertificates() => Directory.Delete(_directory, recursive: true);

    [TestCase("", "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits)")]
    [TestCase("-groups P-256", "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ECDHE (prime256v1) "
        + "server-signature RSA-PSS (2048 bits)")]
    [TestCase("-groups P-521", "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ECDHE (secp521r1) server-signature RSA-PSS (2048 bits)")]
    [TestCase("-ciphersuites TLS_CHACHA20_POLY1305_SHA256",
        "TLSv1.3 with cipher TLS_CHACHA20_POLY1305_SHA256 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits)")]
    [TestCase("-tls1_2", "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)")]
    [TestCase("-tls1_2 -cipher ECDHE-RSA-AES128-SHA256", "TLSv1.2 with cipher ECDHE-RSA-AES128-SHA256 (128/128 bits)")]
    public async Task AcceptAsync_OfOpenSsl_LogsAsPostfix(string arguments, string facts, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, Split(arguments));

        Assert.That(listener.Log.Lines, Is.EqualTo(new[] { $"Anonymous TLS connection established from unknown[127.0.0.1]: {facts}" }));
    }

    [Test]
    public async Task AcceptAsync_WithAnEcdsaKey_LogsItsCurve(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options with { ChainFiles = [WriteFile("ec.pem", s_ec.Chain)] }, Greet);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken);

        Assert.That(listener.Log.Lines.Single(), Does.EndWith(" key-exchange X25519 server-signature ECDSA (prime256v1)"));
    }

    [Test]
    public async Task AcceptAsync_WithoutALogLevel_LogsNothing(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options with { LogLevel = 0 }, Greet);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken);

        Assert.That(listener.Log.Lines, Is.Empty);
    }

    [TestCase("-tls1_3")]
    [TestCase("-tls1_2")]
    [TestCase("-tls1_2 -no_ticket")]
    public async Task AcceptAsync_OfASessionOfTheSameService_ResumesIt(string arguments, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        var session = Path.Combine(_directory, "session");
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_out", session]);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_in", session]);

        Assert.That(output, Does.Contain("Reused, TLSv1."));
        Assert.That(listener.Handshakes.Select(handshake => handshake.IsResumed), Is.EqualTo(new[] { false, true }));
    }

    [TestCase("-tls1_3")]
    [TestCase("-tls1_2")]
    [TestCase("-tls1_2 -no_ticket")]
    public async Task AcceptAsync_OfASessionOfAnotherService_MakesAFullHandshake(string arguments, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        await using var other = new TlsListener(_options, Greet);
        var session = Path.Combine(_directory, "session");
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_out", session]);
        var output = await OpenSslClient.RunAsync(other.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_in", session]);

        Assert.That(output, Does.Contain("New, TLSv1."));
        Assert.That(other.Handshakes.Single().IsResumed, Is.False);
    }

    [TestCase("-tls1_3")]
    [TestCase("-tls1_2")]
    [TestCase("-tls1_2 -no_ticket")]
    public async Task AcceptAsync_OfASessionWithManyOtherCertificatesSince_ResumesIt(string arguments, CancellationToken cancellationToken)
    {
        // .NET throws contexts away with every 32nd that it makes.
        string[] names = [.. Enumerable.Range(0, 64).Select(static number => $"{number}.test")];
        var map = string.Join(", ", names.Select(name => $"{{{name} = {WriteFile(name, TestCertificate.Make(name).Chain)}}}"));
        await using var listener = new TlsListener(_options with { SniMaps = [$"inline:{{{map}}}"] }, Greet);
        var session = Path.Combine(_directory, "session");
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_out", session]);
        foreach (var name in names)
        {
            await using var other = await listener.ConnectAsync(options => options.TargetHost = name);
        }

        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, [.. Split(arguments), "-sess_in", session]);
        Assert.That(output, Does.Contain("Reused, TLSv1."));
    }

    [Test]
    public async Task AcceptAsync_OfASessionWithAnotherName_MakesAFullHandshake(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(
            _options with { SniMaps = [$"inline:{{{{one.test = {WriteFile("one.pem", TestCertificate.Make("one.test").Chain)}}}}}"] }, Greet);
        var session = Path.Combine(_directory, "session");
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-servername", "one.test", "-sess_out", session);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-servername", "two.test", "-sess_in", session);

        Assert.That(output, Does.Contain("New, TLSv1."));
        Assert.That(listener.Handshakes.Select(handshake => handshake.IsResumed), Is.EqualTo(new[] { false, false }));
    }

    [Test]
    public async Task AcceptAsync_AfterAResumption_LogsAsPostfix(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        var session = Path.Combine(_directory, "session");
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-sess_out", session);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-sess_in", session);

        Assert.That(listener.Log.Lines[1], Does.EndWith(" key-exchange X25519 server-signature RSA-PSS (2048 bits)"));
    }

    [TestCase("-alpn h2", false)]
    [TestCase("-alpn http/1.1", false)]
    [TestCase("-alpn h2,http/1.1 -tls1_2", false)]
    [TestCase("-alpn h2,smtp", true)]
    [TestCase("", true)]
    public async Task AcceptAsync_OfOfferedProtocols_TakesSmtpOnly(string arguments, bool isTaken, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, Split(arguments));

        Assert.That((output.Contains("220 hello"), output.Contains("SSL alert number 120")), Is.EqualTo((isTaken, !isTaken)));
    }

    [TestCase("one.test", "CN = one.test", " to one.test")]
    [TestCase("ONE.Test", "CN = one.test", " to ONE.Test")]
    [TestCase("a.b.two.test", "CN = two.test", " to a.b.two.test")]
    [TestCase("two.test", "CN = rsa.test", "")]
    [TestCase("unknown.test", "CN = rsa.test", "")]
    [TestCase(null, "CN = rsa.test", "")]
    public async Task AcceptAsync_OfAName_ServesItsCertificate(string? name, string subject, string logged, CancellationToken cancellationToken)
    {
        var one = WriteFile("one.pem", TestCertificate.Make("one.test").Chain);
        var two = WriteFile("two.pem", TestCertificate.Make("two.test").Chain);
        var map = WriteFile("sni", $"# names\none.test {one}\n.two.test\n  {two}\n");
        await using var listener = new TlsListener(_options with { SniMaps = [$"hash:{map}"] }, Greet);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, name is null ? ["-noservername"] : ["-servername", name]);

        Assert.That(output, Does.Contain($"subject={subject}"));
        Assert.That(listener.Log.Lines[^1], Does.StartWith($"Anonymous TLS connection established from unknown[127.0.0.1]{logged}: "));
        Assert.That(listener.Log.Lines.Count > 1 ? listener.Log.Lines[0] : "",
            Is.EqualTo(logged.Length > 0 || name is null ? "" : $"TLS SNI {name} from unknown[127.0.0.1] not matched, using default chain"));
    }

    [TestCase("a b.test")]
    [TestCase("a\\r\\nb.test")]
    [TestCase("-.test")]
    public async Task AcceptAsync_OfWhatIsNoName_LogsNothingOfIt(string name, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options with { SniMaps = [$"inline:{{one.test={WriteFile("one.pem", s_ec.Chain)}}}"] }, Greet);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-servername", name.Replace("\\r\\n", "\r\n", StringComparison.Ordinal));

        Assert.That(listener.Log.Lines, Has.One.StartsWith("Anonymous TLS connection established from unknown[127.0.0.1]: "));
    }

    [Test]
    public async Task AcceptAsync_OfARenegotiation_EndsTheConnection(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "R\n", cancellationToken, "-tls1_2");

        Assert.That(output, Does.Contain("RENEGOTIATING\n").And.Contain("unexpected eof while reading"));
    }

    [TestCase("-tls1_2", "", true)]
    [TestCase("-tls1_2", "may", false)]
    [TestCase("-tls1_2", "encrypt", true)]
    [TestCase("-tls1_2", "wrapper", true)]
    public async Task AcceptAsync_OfAVersion_TakesTheMandatoryOnesWhereTlsIs(string arguments, string level, bool isTaken, CancellationToken cancellationToken)
    {
        var options = level.Length == 0 ? _options : _options with
        {
            Protocols = new(SslProtocols.Tls13),
            MandatoryProtocols = new(SslProtocols.Tls12),
            SecurityLevel = level == "encrypt" ? TlsSecurityLevel.Encrypt : TlsSecurityLevel.May,
            WrapperMode = level == "wrapper",
        };
        await using var listener = new TlsListener(options, Greet);
        var output = await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, Split(arguments));

        Assert.That(output.Contains("220 hello"), Is.EqualTo(isTaken));
    }

    [TestCase("EHLO x\r\nMAIL FROM:<>\r\n", "-1")]
    [TestCase("GET / HTTP/1.1\r\n\r\n", "-1")]
    [TestCase("\x15\x03\x01\0\x02\x02\x50", "-1")]
    [TestCase("\u0017\u0003\u0003\0\u0005aaaaa", "-1")]
    [TestCase("\u0016\u0003\u0001\0\u0005\u0001\0\0\u0001a", "-1")]
    [TestCase("", "lost connection")]
    [TestCase("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "lost connection")]
    public async Task AcceptAsync_OfWhatIsNotAHandshake_LogsAsPostfix(string octets, string reason, CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options);
        await using var client = await listener.ConnectRawAsync();
        await client.WriteAsync(Encoding.Latin1.GetBytes(octets), cancellationToken);
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        var handshake = listener.Handshakes.Take(cancellationToken);

        Assert.That(handshake.Transport, Is.Null);
        Assert.That(listener.Log.Lines[0], Is.EqualTo($"SSL_accept error from unknown[127.0.0.1]: {reason}"));
        Assert.That(listener.Log.Lines.Count == 2 && listener.Log.Lines[1].StartsWith("TLS library problem: error:0A0", StringComparison.Ordinal),
            Is.EqualTo(reason == "-1"), string.Join('\n', listener.Log.Lines));
    }

    [Test]
    public async Task AcceptAsync_WithoutACommonCipher_LogsOpenSslsError(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options);
        await OpenSslClient.RunAsync(listener.EndPoint, "", cancellationToken, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256");
        listener.Handshakes.Take(cancellationToken);

        Assert.That(listener.Log.Lines,
            Is.EqualTo(new[] { "SSL_accept error from unknown[127.0.0.1]: -1", "TLS library problem: error:0A0000C1:SSL routines::no shared cipher" }));
    }

    [Test]
    public async Task AcceptAsync_OfAReset_LogsIt(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options);
        var client = await listener.ConnectRawAsync();
        client.Socket.LingerState = new(true, 0);
        client.Socket.Dispose();
        listener.Handshakes.Take(cancellationToken);

        Assert.That(listener.Log.Lines, Is.EqualTo(new[] { "SSL_accept error from unknown[127.0.0.1]: Connection reset by peer" }));
    }

    [TestCase(300, 10, 10)]
    [TestCase(2, 10, 2)]
    public async Task AcceptAsync_OfAStalledHandshake_EndsAtTheShorterLimit(int startTls, int handshake, int seconds, CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var listener = new TlsListener(
            _options with { StartTlsTimeout = TimeSpan.FromSeconds(startTls), HandshakeTimeout = TimeSpan.FromSeconds(handshake) }, time: time);
        await using var client = await listener.ConnectRawAsync();
        await client.WriteAsync(new byte[] { 0x16, 3, 1, 2, 0, 1 }, cancellationToken);
        await Eventually.HoldsAsync(() => time.ActiveTimers == 2, s_limit, "the handshake has begun", cancellationToken);
        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        var early = listener.Handshakes.Count;
        time.Advance(TimeSpan.FromMilliseconds(1));
        listener.Handshakes.Take(cancellationToken);

        Assert.That(early, Is.Zero);
        Assert.That(listener.Log.Lines, Is.EqualTo(new[] { "SSL_accept error from unknown[127.0.0.1]: Connection timed out" }));
    }

    [Test]
    public async Task AcceptAsync_BesideStalledHandshakes_Succeeds(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options, Greet);
        var stalled = new List<Stream>();
        for (var i = 0; i < 500; i++)
        {
            stalled.Add(await listener.ConnectRawAsync($"127.0.1.{i % 10}"));
            await stalled[i].WriteAsync(new byte[] { 0x16, 3, 1, 2, 0, 1 }, cancellationToken);
        }

        await using var client = await listener.ConnectAsync();
        using var reader = new StreamReader(client);
        var line = await reader.ReadLineAsync(cancellationToken);
        stalled.ForEach(stream => stream.Dispose());

        Assert.That(line, Is.EqualTo("220 hello"));
    }

    [Test]
    public async Task TryEnter_AtTheLimit_GivesNothingUntilOneIsOver()
    {
        await using var listener = new TlsListener(_options);
        var options = _options with { HandshakeLimit = 2 };
        using var first = listener.Server.TryEnter(Client(1), static () => int.MaxValue, options);
        var second = listener.Server.TryEnter(Client(2), static () => int.MaxValue, options);
        var third = listener.Server.TryEnter(Client(3), static () => int.MaxValue, options);
        second?.Dispose();
        second?.Dispose();
        using var fourth = listener.Server.TryEnter(Client(4), static () => int.MaxValue, options);
        var fifth = listener.Server.TryEnter(Client(5), static () => int.MaxValue, options);

        Assert.That((first is null, second is null, third is null, fourth is null, fifth is null), Is.EqualTo((false, false, true, false, true)));
        Assert.That(listener.Log.Lines, Is.EqualTo(new[] { "2 TLS handshakes are under way, as many as shield_tls_handshake_limit allows: "
            + "further ones are refused; most are of 192.0.2.1 (1), 192.0.2.2 (1)" }));
    }

    [Test]
    public async Task AcceptAsync_HoweverItEnds_GivesTheSlotBack(CancellationToken cancellationToken)
    {
        await using var listener = new TlsListener(_options with { HandshakeLimit = 1 }, Greet);
        for (var i = 0; i < 3; i++)
        {
            (await listener.ConnectRawAsync()).Dispose();
            listener.Handshakes.Take(cancellationToken);
            await Eventually.HoldsAsync(() => IsFree(listener), s_limit, "the slot is free", cancellationToken);
        }

        await using var client = await listener.ConnectAsync();

        Assert.That(listener.Handshakes.Take(cancellationToken).Transport, Is.Not.Null);
    }

    private static bool IsFree(TlsListener listener)
    {
        using var slot = listener.Server.TryEnter(Client(1), static () => int.MaxValue, new() { HandshakeLimit = 1 });
        return slot is not null;
    }

    private static ClientRange Client(int number) => ClientRange.Of(IPAddress.Parse($"192.0.2.{number}"), 32, 128);

    private static string[] Split(string arguments) => arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static async Task Greet(TlsTransport transport) => await transport.Output.WriteAsync("220 hello\r\n"u8.ToArray());

    private string WriteFile(string name, string text)
    {
        var path = Path.Combine(_directory, name);
        File.WriteAllText(path, text);
        return path;
    }
}
