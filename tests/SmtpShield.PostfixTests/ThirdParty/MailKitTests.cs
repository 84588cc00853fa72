using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// MailKit's SMTP client: what it sends with each extension it is offered arrives as without the shield, and it sees the same refusals as
/// from Postfix with the same limits.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class MailKitTests
{
    private const SmtpCapabilities Extensions = SmtpCapabilities.Pipelining | SmtpCapabilities.Chunking | SmtpCapabilities.EightBitMime | SmtpCapabilities.UTF8;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly Dictionary<string, string> s_limits = new()
    {
        ["smtpd_client_connection_count_limit"] = "1",
        ["smtpd_client_event_limit_exceptions"] = "",
        ["smtpd_error_sleep_time"] = "1s",
        ["smtpd_soft_error_limit"] = "1",
        ["smtpd_hard_error_limit"] = "2",
    };

    private static int s_box;
    private TlsServers? _servers;
    private PostfixInstance? _limitedPostfix;
    private ShieldProcess? _limitedShield;

    private static IEnumerable<TestCaseData> Deliveries =>
        from mode in TlsServers.Modes
        from way in new[] { ("DATA", false, false), ("BDAT", true, false), ("DATA, SMTPUTF8", false, true), ("BDAT, SMTPUTF8", true, true) }
        select new TestCaseData(mode, way.Item2, way.Item3).SetArgDisplayNames(mode, way.Item1);

    private TlsServers Servers => _servers ?? throw new InvalidOperationException("The servers were not started");

    [OneTimeSetUp]
    public async Task StartServers()
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _servers = await TlsServers.StartAsync(cancellationToken);
        _limitedPostfix = await PostfixInstance.StartAsync(
            [PostfixService.WithoutLimits("behind"), new PostfixService("limited", s_limits)], cancellationToken);
        _limitedShield = await ShieldProcess.StartAsync(_limitedPostfix.EndPointOf("behind"), s_limits, cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_limitedShield is not null)
            await _limitedShield.DisposeAsync();
        if (_limitedPostfix is not null)
            await _limitedPostfix.DisposeAsync();
        if (_servers is not null)
            await _servers.DisposeAsync();
    }

    [TestCaseSource(nameof(Deliveries))]
    [CancelAfter(120_000)]
    public async Task Send_WithEachExtension_StoredAsWithoutShield(string mode, bool inChunks, bool isInternational, CancellationToken cancellationToken)
    {
        var direct = await StoreAsync(Servers.Postfix.EndPointOf("clear"), SecureSocketOptions.None);
        var shielded = await StoreAsync(Servers.EndPointOf(mode), mode == "wrapper" ? SecureSocketOptions.SslOnConnect : SecureSocketOptions.StartTls);
        Assert.That(shielded.Stored, Is.EqualTo(direct.Stored));
        Assert.That(shielded.Stored, Does.Contain(isInternational ? "Subject: Grüße" : "Subject: =?utf-8?").And.Contain("\nähnlich\n..\n.x\n"));
        Assert.That((shielded.Commands, shielded.Capabilities & Extensions), Is.EqualTo((direct.Commands, Extensions)));
        Assert.That(shielded.Commands, Does.Contain(inChunks ? "BDAT " : "DATA").And.Contain(" BODY=8BITMIME"));
        Assert.That(shielded.Commands.Contains(" SMTPUTF8", StringComparison.Ordinal), Is.EqualTo(isInternational));

        async Task<(string Stored, string Commands, SmtpCapabilities Capabilities)> StoreAsync(IPEndPoint server, SecureSocketOptions security)
        {
            var to = $"box{Interlocked.Increment(ref s_box)}";
            using var dialogue = new MemoryStream();
            using var client = new Client(dialogue, inChunks, Servers.AuthorityFile);
            await client.ConnectToAsync(server, security, cancellationToken);
            await client.SendAsync(
                new FormatOptions { International = isInternational }, Message(), Mailbox("a@client.example"),
                [Mailbox($"{to}@example.test"), Mailbox("other@example.test")], cancellationToken);
            var capabilities = client.Capabilities;
            await client.DisconnectAsync(quit: true, cancellationToken);
            var path = (await Servers.Postfix.WaitForMessagesAsync(to, 1, s_limit, cancellationToken)).Single();
            return (Encoding.UTF8.GetString(await StoredMessage.ReadAsync(path, cancellationToken)), CommandsOf(dialogue)
                .Replace(to, "box", StringComparison.Ordinal), capabilities);
        }
    }

    [Test, CancelAfter(120_000)]
    public async Task Connect_OverTheLimit_SeesPostfixRefusal(CancellationToken cancellationToken)
    {
        var (postfix, shield) = (await RefusalAsync(_limitedPostfix!.EndPointOf("limited")), await RefusalAsync(_limitedShield!.EndPoint));
        Assert.That(shield, Is.EqualTo(postfix));
        Assert.That(shield, Is.EqualTo((SmtpStatusCode.ServiceNotAvailable, $"4.7.0 {PostfixInstance.HostName} Error: too many connections from 127.0.0.1")));

        async Task<(SmtpStatusCode, string)> RefusalAsync(IPEndPoint server)
        {
            using var first = new Client(Stream.Null);
            await first.ConnectToAsync(server, SecureSocketOptions.None, cancellationToken);
            using var second = new Client(Stream.Null);
            var refusal = (await Assert.CatchAsync<SmtpCommandException>(() => second.ConnectToAsync(server, SecureSocketOptions.None, cancellationToken)))!;
            await first.DisconnectAsync(quit: true, cancellationToken);
            return (refusal.StatusCode, refusal.Message);
        }
    }

    // The first refusal comes late, behind smtpd_error_sleep_time, and the session ends with the second.
    [Test, CancelAfter(120_000)]
    public async Task Send_ErrorsUpToTheHardLimit_SeesPostfixRepliesToTheEnd(CancellationToken cancellationToken)
    {
        var (postfix, shield) = (await RefusalsAsync(_limitedPostfix!.EndPointOf("limited")), await RefusalsAsync(_limitedShield!.EndPoint));
        Assert.That(shield, Is.EqualTo(postfix));
        Assert.That(shield, Does.StartWith("SmtpCommandException MailboxUnavailable 5.1.1 <nosuch@example.test>").And.Contain("too many errors")
            .And.EndsWith("connected: False"));

        async Task<string> RefusalsAsync(IPEndPoint server)
        {
            using var dialogue = new MemoryStream();
            using var client = new Client(dialogue);
            await client.ConnectToAsync(server, SecureSocketOptions.None, cancellationToken);
            var seen = new StringBuilder();
            for (var i = 0; i < 3 && client.IsConnected; i++)
            {
                var refusal = (await Assert.CatchAsync(() => client.SendAsync(Message(), Mailbox("a@client.example"),
                    [Mailbox("nosuch@example.test")], cancellationToken)))!;
                seen.AppendLine($"{refusal.GetType().Name} {(refusal as SmtpCommandException)?.StatusCode} {refusal.Message}");
            }

            return $"{seen}{Encoding.UTF8.GetString(dialogue.ToArray()).Replace($":{server.Port}/", ":25/", StringComparison.Ordinal)}connected: "
                + $"{client.IsConnected}";
        }
    }

    private static MailboxAddress Mailbox(string address) => new("", address);

    private static MimeMessage Message()
    {
        var message = new MimeMessage(
            [Mailbox("a@client.example")], [Mailbox("b@example.test")], "Grüße",
            new TextPart("plain") { Text = "ähnlich\r\n..\r\n.x\r\n", ContentTransferEncoding = ContentEncoding.EightBit })
        {
            Date = new DateTimeOffset(2026, 8, 1, 12, 0, 0, TimeSpan.Zero),
            MessageId = "1@client.example",
        };
        return message;
    }

    // Behind the last EHLO: what comes before depends on TLS.
    private static string CommandsOf(MemoryStream dialogue)
    {
        var commands = Encoding.UTF8.GetString(dialogue.ToArray()).Split("\r\n").Where(line => line.StartsWith("C: ", StringComparison.Ordinal)).ToArray();
        return string.Join('\n', commands[(Array.FindLastIndex(commands, line => line.StartsWith("C: EHLO", StringComparison.Ordinal)) + 1)..]);
    }

    private sealed class Client : SmtpClient
    {
        private readonly bool _inChunks;

        public Client(Stream dialogue, bool inChunks = false, string? authorityFile = null)
            : base(new ProtocolLogger(dialogue, leaveOpen: true))
        {
            _inChunks = inChunks;
            LocalDomain = "client.example";
            CheckCertificateRevocation = false;
            ServerCertificateValidationCallback = (_, certificate, _, errors) =>
            {
                using var authority = X509CertificateLoader.LoadCertificateFromFile(authorityFile!);
                using var chain = new X509Chain
                {
                    ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
                        CustomTrustStore = { authority } },
                };
                return !errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) && chain.Build((X509Certificate2)certificate!);
            };
        }

        protected override bool PreferSendAsBinaryData => _inChunks;

        // Connects to an address, expects a name.
        public async Task ConnectToAsync(IPEndPoint server, SecureSocketOptions security, CancellationToken cancellationToken)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(server, cancellationToken);
            await ConnectAsync(socket, PostfixInstance.HostName, server.Port, security, cancellationToken);
        }
    }
}
