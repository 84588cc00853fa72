using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// Senders that others wrote, swaks and Python's smtplib: messages arrive as without the shield, and each way to use swaks ends with the same exit
/// status behind the same replies.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed partial class SenderTests
{
    private const string SmtplibScript = """
        import smtplib, sys
        port, to, file = sys.argv[1:]
        with smtplib.SMTP("127.0.0.1", int(port), "client.example", timeout=60) as server:
            assert server.sendmail("a@client.example", [to + "@example.test"], open(file, "rb").read()) == {}
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static int s_box;
    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;
    private string _directory = "";

    private static IEnumerable<TestCaseData> Messages =>
        from sender in new[] { "swaks", "python3" }
        from message in new[]
        {
            ("empty", ""),
            ("empty line", "\r\n"),
            ("header only", "Subject: x\r\n"),
            ("dots", "Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.x\r\n\r\n.\r\nx.\r\n. \r\n"),
            ("8-bit", "Subject: 8-bit\r\n\r\n"
                + string.Concat(Enumerable.Range(1, 255).Where(octet => octet is not ('\r' or '\n')).Select(octet => (char)octet)) + "\r\n"),
            ("line of 3 MB", "Subject: long\r\n\r\n" + new string('y', 3_000_000) + "\r\n"),
            ("line of 3 MB with dots at buffer boundaries", "Subject: long\r\n\r\n" + Dotted(3_000_000) + "\r\n"),
            ("20000 lines of dots", "Subject: dots\r\n\r\n" + string.Concat(Enumerable.Repeat(".\r\n", 20_000))),
        }
        where sender != "swaks" || message.Item2.Length > 0 // swaks cannot.
        select new TestCaseData(sender, message.Item2).SetArgDisplayNames(sender, message.Item1);

    private static IEnumerable<TestCaseData> SwaksModes =>
        from mode in new[]
        {
            (0, ""),
            (0, "--pipeline"),
            (0, "--pipeline --to good@example.test,nosuch@example.test,other@example.test"),
            (24, "--pipeline --to nosuch@example.test"),
            (24, "--to nosuch@example.test"),
            (24, "--to x@elsewhere.example"),
            (24, "--to later@example.test"),
            (24, "--to drop@example.test"),
            (24, "--to hangup@example.test"),
            (26, "--body REFUSE-THIS-BODY"),
            (26, "--pipeline --body REFUSE-THIS-BODY"),
            (0, "--from <>"),
            (23, "--from a,b@client.example"),
            (0, "--protocol SMTP"),
            (22, "--protocol LMTP"),
            (0, "--quit-after CONNECT"),
            (0, "--quit-after BANNER"),
            (0, "--quit-after EHLO"),
            (0, "--quit-after HELO --protocol SMTP"),
            (0, "--quit-after MAIL"),
            (0, "--quit-after RCPT"),
            (0, "--drop-after CONNECT"),
            (0, "--drop-after EHLO"),
            (0, "--drop-after MAIL"),
            (0, "--drop-after RCPT"),
            (0, "--drop-after DATA"),
            (0, "--drop-after DOT"),
            (0, "--drop-after-send EHLO"),
            (0, "--drop-after-send MAIL"),
            (0, "--drop-after-send RCPT"),
            (0, "--drop-after-send DATA"),
            (28, "--auth PLAIN --auth-user x --auth-password y"),
            (0, "--auth-optional PLAIN --auth-user x --auth-password y"),
            (0, "--tls-optional"),
            (33, "--xclient NAME=x"),
            (0, "--xclient-optional --xclient NAME=x"),
            (30, "--prdr"),
        }
        select new TestCaseData(mode.Item2, mode.Item1).SetArgDisplayNames(mode.Item2.Length == 0 ? "plain" : mode.Item2);

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _directory = Directory.CreateTempSubdirectory("smtpshield-senders-").FullName;
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind"), PostfixService.WithoutLimits("direct")], cancellationToken);
        _shield = await ShieldProcess.StartAsync(_postfix.EndPointOf("behind"),
            new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "0", ["smtpd_error_sleep_time"] = "0" }, cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        try
        {
            if (_shield is not null)
            {
                await _shield.Log.WaitForQuietAsync(CancellationToken.None);
                await Eventually.HoldsAsync(() => _shield.ConnectedSockets().Count == 0, TimeSpan.FromSeconds(20), "the shield has closed all its connections",
                    CancellationToken.None);
                await _shield.StopAsync(CancellationToken.None);
            }
        }
        finally
        {
            if (_shield is not null)
                await _shield.DisposeAsync();
            if (_postfix is not null)
                await _postfix.DisposeAsync();
            if (_directory.Length > 0)
                Directory.Delete(_directory, recursive: true);
        }
    }

    [TestCaseSource(nameof(Messages))]
    [CancelAfter(120_000)]
    public async Task Send_AnyMessage_StoredAsWithoutShield(string sender, string message, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram(sender);
        var file = Path.Combine(_directory, "message");
        // swaks ends lines with CR LF itself.
        await File.WriteAllBytesAsync(
            file, Encoding.Latin1.GetBytes(sender == "swaks" ? message.Replace("\r\n", "\n", StringComparison.Ordinal) : message), cancellationToken);
        var direct = await StoreAsync(Postfix.EndPointOf("direct").Port);
        var shielded = await StoreAsync(Shield.EndPoint.Port);
        Assert.That(shielded.AsSpan().SequenceEqual(direct), Is.True,
            $"stored {direct.Length} octets without the shield and {shielded.Length} with it, equal up to {shielded.AsSpan().CommonPrefixLength(direct)}");
        // swaks takes a dot line at the end of its file away; Postfix puts an empty line before a body without header.
        if (sender != "swaks" && message.StartsWith("Subject: ", StringComparison.Ordinal))
            Assert.That(shielded.AsSpan().SequenceEqual(Encoding.Latin1.GetBytes(message.Replace("\r\n", "\n", StringComparison.Ordinal))), Is.True,
                "differs from what was sent");

        async Task<byte[]> StoreAsync(int port)
        {
            var to = $"box{Interlocked.Increment(ref s_box)}";
            if (sender == "swaks")
                await OutsideProcess.RunSuccessfullyAsync("swaks", ["--server", $"127.0.0.1:{port}", "--helo", "client.example", "--from", "a@client.example",
                    "--to", $"{to}@example.test", "--data", "@" + file, "--suppress-data"], s_limit, cancellationToken);
            else
                await OutsideProcess.RunSuccessfullyAsync("python3", ["-c", SmtplibScript, $"{port}", to, file], s_limit, cancellationToken);
            return await StoredMessage.ReadAsync((await Postfix.WaitForMessagesAsync(to, 1, s_limit, cancellationToken)).Single(), cancellationToken);
        }
    }

    [TestCaseSource(nameof(SwaksModes))]
    [CancelAfter(120_000)]
    public async Task Swaks_EachMode_SameRepliesAndExitStatus(string arguments, int exitStatus, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("swaks");
        var direct = await RunAsync(Postfix.EndPointOf("direct"));
        var shielded = await RunAsync(Shield.EndPoint);
        TestContext.Out.WriteLine(direct.Transcript);
        Assert.Multiple(() =>
        {
            Assert.That(shielded.ExitStatus, Is.EqualTo(direct.ExitStatus));
            Assert.That(shielded.Transcript, Is.EqualTo(direct.Transcript));
            Assert.That(direct.ExitStatus, Is.EqualTo(exitStatus));
        });

        async Task<(int ExitStatus, string Transcript)> RunAsync(IPEndPoint server)
        {
            string[] all =
            [
                "--server", server.ToString(), "--helo", "client.example", "--from", "a@client.example", "--to", "good@example.test", "--suppress-data",
                .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            ];
            var (status, output) = await OutsideProcess.RunAsync("swaks", all, s_limit, cancellationToken);
            var lines = output.Split('\n').Where(line => DialogueLine().IsMatch(line)).Select(line => QueueId().Replace(line, "queued as ID"));
            return (status, string.Join('\n', lines));
        }
    }

    private static string Dotted(int length)
    {
        var line = new StringBuilder(new string('y', length));
        foreach (var size in new[] { 512, 998, 2048, 4096, 65536 })
        {
            for (var at = size; at < length; at += size)
                line[at] = '.';
        }
        return line.ToString();
    }

    [GeneratedRegex(@"^ ?(->|<-|~>|<~|\*\*>|<\*\*) ")]
    private static partial Regex DialogueLine();

    [GeneratedRegex("queued as [0-9A-Za-z]+")]
    private static partial Regex QueueId();
}
