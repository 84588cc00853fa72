using System.Net;
using System.Security.Cryptography;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>Messages arrive as they were sent: what is stored behind the shield is what the same client stores with the MTA directly, octet by octet.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class DeliveryTests
{
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);
    private static readonly string s_messageFile = Path.Combine(Path.GetTempPath(), $"smtpshield-message-{Environment.ProcessId}.eml");
    private static readonly string[] s_made = ["To:", "Date:", "Message-Id:"];
    private static int s_box;
    private PostfixInstance? _postfix;
    private ShieldProcess? _shield;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private ShieldProcess Shield => _shield ?? throw new InvalidOperationException("The shield was not started");

    private static IEnumerable<TestCaseData> Messages
    {
        get
        {
            yield return Message("empty", "");
            yield return Message("one octet", "x");
            yield return Message("header only", "Subject: x\r\n");
            yield return Message("no header", "\r\nbody\r\n");
            yield return Message("dots", "Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.x\r\nx.\r\n\r\n.\r\n");
            yield return Message("only dots", ".\r\n.\r\n");
            yield return Message("8-bit", "Subject: \xe4\xf6\xfc\r\n\r\n"
                + string.Concat(Enumerable.Range(1, 255).Where(octet => octet is not ('\r' or '\n')).Select(octet => (char)octet)) + "\r\n");
            yield return Message("long lines", "Subject: long\r\n\r\n"
                + string.Join("\r\n", new[] { 998, 999, 2047, 2048, 2049, 4096, 65536, 1_000_000 }.Select(length => new string('y', length))) + "\r\n");
            yield return Message("long line of dots", "Subject: dots\r\n\r\n" + new string('.', 300_000) + "\r\n");
            yield return Message("dots at buffer boundaries",
                "Subject: dots\r\n\r\n" + string.Concat(Enumerable.Range(1, 5000).Select(length => "." + new string('z', length % 97) + "\r\n")));
            foreach (var size in new[] { 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097, 16_384, 65_535, 65_536, 65_537, 1_000_000, 20_000_000 })
                yield return Message($"{size} octets", Lines(size));
        }
    }

    [OneTimeSetUp]
    public async Task StartServers()
    {
        RealPostfix.Require();
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        _postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind"), PostfixService.WithoutLimits("direct")], cancellationToken);
        // As with the program's own default: this host is exempt.
        _shield = await ShieldProcess.StartAsync(
            _postfix.EndPointOf("behind"), new Dictionary<string, string> { ["mynetworks"] = "127.0.0.0/8" }, cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        try
        {
            if (_shield is not null)
                await _shield.StopAsync(CancellationToken.None);
        }
        finally
        {
            if (_shield is not null)
                await _shield.DisposeAsync();
            if (_postfix is not null)
                await _postfix.DisposeAsync();
            File.Delete(s_messageFile);
        }
    }

    [TestCaseSource(nameof(Messages))]
    [CancelAfter(180_000)]
    public async Task Data_AnyMessage_StoredAsSent(string message, CancellationToken cancellationToken)
    {
        var dotted = Encoding.Latin1.GetBytes((message.StartsWith('.') ? "." : "") + message.Replace("\r\n.", "\r\n..", StringComparison.Ordinal)
            + (message.EndsWith("\r\n", StringComparison.Ordinal) || message.Length == 0 ? "" : "\r\n") + ".\r\n");
        await CompareAsync(
            message,
            async (client, to) =>
            {
                foreach (var command in new[] { "MAIL FROM:<a@client.example> BODY=8BITMIME", $"RCPT TO:<{to}@example.test>" })
                    Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("250"));
                Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
                await client.SendAsync(dotted, cancellationToken);
            },
            cancellationToken);
    }

    [TestCaseSource(nameof(Messages))]
    [CancelAfter(180_000)]
    public async Task Bdat_AnyMessage_StoredAsSent(string message, CancellationToken cancellationToken)
    {
        var octets = Encoding.Latin1.GetBytes(message);
        await CompareAsync(
            message,
            async (client, to) =>
            {
                var group = new List<byte>(Encoding.Latin1.GetBytes($"MAIL FROM:<a@client.example> BODY=8BITMIME\r\nRCPT TO:<{to}@example.test>\r\n"));
                var chunks = octets.Chunk(Math.Max(1, octets.Length / 3)).ToArray();
                foreach (var chunk in chunks)
                    group.AddRange([.. Encoding.Latin1.GetBytes($"BDAT {chunk.Length}\r\n"), .. chunk]);
                group.AddRange("BDAT 0 LAST\r\n"u8.ToArray());
                await client.SendAsync(group.ToArray(), cancellationToken);
                for (var reply = 0; reply < 2 + chunks.Length; reply++)
                    Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250"));
            },
            cancellationToken);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Bdat_LoneLineEnds_StoredAsWithoutShield(CancellationToken cancellationToken)
    {
        const string message = "Subject: lone\r\n\r\na\nb\rc\r\n\n.\r\n\r\n.\n.\r\nQUIT\r\nd";
        await CompareAsync(
            null,
            async (client, to) => await client.SendAsync(
                $"MAIL FROM:<a@client.example>\r\nRCPT TO:<{to}@example.test>\r\nBDAT {message.Length} LAST\r\n{message}RSET\r\n", cancellationToken),
            cancellationToken,
            replies: 4);
    }

    [Test]
    [CancelAfter(180_000)]
    public async Task Swaks_Delivers_StoredAsWithoutShield(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("swaks");
        var file = await MessageFileAsync(cancellationToken);
        await CompareProgramAsync(
            (port, to) => ("swaks", ["--server", $"127.0.0.1:{port}", "--helo", "client.example", "--from", "a@client.example", "--to", $"{to}@example.test",
                "--data", "@" + file, "--suppress-data"]),
            1,
            cancellationToken);
    }

    [Test]
    [CancelAfter(180_000)]
    public async Task PythonSmtplib_Delivers_StoredAsWithoutShield(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("python3");
        var file = await MessageFileAsync(cancellationToken);
        const string script = """
            import smtplib, sys
            with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.example") as server:
                message = open(sys.argv[3], "rb").read()
                for number in range(3):
                    assert server.sendmail("a@client.example", [sys.argv[2] + "@example.test"], message, mail_options=["BODY=8BITMIME"]) == {}
            """;
        await CompareProgramAsync((port, to) => ("python3", ["-c", script, $"{port}", to, file]), 3, cancellationToken);
    }

    [Test]
    [CancelAfter(240_000)]
    public async Task Nodemailer_Delivers_StoredAsWithoutShield(CancellationToken cancellationToken)
    {
        var modules = await Nodemailer.RequireAsync(cancellationToken);
        var file = await MessageFileAsync(cancellationToken);
        const string script = """
            const [modules, port, to, file] = process.argv.slice(1);
            const nodemailer = require(modules + "/nodemailer");
            const transport = nodemailer.createTransport({ host: "127.0.0.1", port: Number(port), name: "client.example", ignoreTLS: true, pool: true, maxConnections: 2 });
            const raw = require("fs").readFileSync(file);
            const envelope = { from: "a@client.example", to: [to + "@example.test"] };
            Promise.all([1, 2, 3, 4].map(() => transport.sendMail({ envelope, raw }))).then(() => transport.close(), error => { console.error(error); process.exit(1); });
            """;
        await CompareProgramAsync((port, to) => ("node", ["-e", script, modules, $"{port}", to, file]), 4, cancellationToken);
    }

    [Test]
    [CancelAfter(420_000)]
    public async Task SmtpSource_FiveThousandBy50Sessions_AllStoredAsWithoutShield(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("smtp-source");
        var (direct, shielded) = (TakeBox(), TakeBox());
        await OutsideProcess.RunSuccessfullyAsync("smtp-source", Arguments(Postfix.EndPointOf("direct").Port, direct, 1), s_limit, cancellationToken);
        await OutsideProcess.RunSuccessfullyAsync("smtp-source", Arguments(Shield.EndPoint.Port, shielded, 5000), s_limit, cancellationToken);
        var expected = WithoutNumbers(
            await StoredMessage.ReadAsync((await Postfix.WaitForMessagesAsync(direct, 1, s_limit, cancellationToken)).Single(), cancellationToken));
        var stored = await Postfix.WaitForMessagesAsync(shielded, 5000, TimeSpan.FromSeconds(240), cancellationToken);
        Assert.That(stored, Has.Count.EqualTo(5000));
        foreach (var path in stored)
            Assert.That(WithoutNumbers(await StoredMessage.ReadAsync(path, cancellationToken)), Is.EqualTo(expected));

        static string[] Arguments(int port, string to, int messages) =>
            ["-s", "50", "-m", $"{messages}", "-l", "4096", "-M", "client.example", "-f", "a@client.example", "-t", $"{to}@example.test",
                $"inet:127.0.0.1:{port}"];

        // What smtp-source makes up for each message: the recipient tells the two deliveries apart, the date and the id differ.
        static string WithoutNumbers(byte[] message) =>
            string.Join('\n', Encoding.Latin1.GetString(message).Split('\n')
                .Where(line => !s_made.Any(name => line.StartsWith(name, StringComparison.OrdinalIgnoreCase))));
    }

    [Test]
    [CancelAfter(300_000)]
    public async Task Data_100Megabytes_StoredAndMemoryStaysFlat([Values("DATA", "BDAT")] string by, CancellationToken cancellationToken)
    {
        await SendBigAsync(TakeBox(), 20_000_000, by, cancellationToken);
        var before = Shield.Status("VmHWM");
        var box = TakeBox();
        var sent = await SendBigAsync(box, 100_000_000, by, cancellationToken);
        var after = Shield.Status("VmHWM");
        TestContext.Out.WriteLine($"VmHWM of the shield before {before} kB, after {after} kB");
        Assert.That(after - before, Is.LessThan(16 * 1024), "kB more at the peak for a message of 100 MB than for one of 20 MB");

        var stored = await Postfix.WaitForMessagesAsync(box, 1, s_limit, cancellationToken);
        var message = await StoredMessage.ReadAsync(stored.Single(), cancellationToken);
        Assert.That(Convert.ToHexString(SHA256.HashData(message)), Is.EqualTo(sent));
        File.Delete(stored.Single());
    }

    private static TestCaseData Message(string name, string octets) => new TestCaseData(octets).SetArgDisplayNames(name);

    // Lines of different lengths, so that line ends fall on all positions of a buffer.
    private static string Lines(int size)
    {
        var text = new StringBuilder("Subject: size\r\n\r\n", size + 100);
        for (var number = 0; text.Length < size - 2; number++)
            text.Append(number % 7 == 0 ? "." : "").Append('a', number % 79).Append("\r\n");
        text.Length = size - 2;
        // A cut line end would be a lone CR.
        if (text[^1] == '\r')
            text[^1] = 'a';
        return text.Append("\r\n").ToString();
    }

    private static string TakeBox() => $"box{Interlocked.Increment(ref s_box)}";

    // The message behind the lines that the clients need: all of them send it as it is.
    private static async Task<string> MessageFileAsync(CancellationToken cancellationToken)
    {
        var file = s_messageFile;
        var lines = Enumerable.Range(0, 3000).Select(number => (number % 5 == 0 ? "." : "") + new string((char)('a' + number % 26), number % 200));
        await File.WriteAllTextAsync(
            file,
            "From: <a@client.example>\r\nTo: <b@example.test>\r\nSubject: hello\r\nDate: Sat, 1 Aug 2026 12:00:00 +0000\r\nMessage-Id: "
                + "<1@client.example>\r\nMIME-Version: 1.0\r\n"
            + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\u00e4\u00f6\u00fc\r\n.\r\n..\r\n"
            + string.Join("\r\n", lines) + "\r\n",
            cancellationToken);
        return file;
    }

    private async Task CompareAsync(string? sent, Func<RawSmtpClient, string, Task> sendAsync, CancellationToken cancellationToken, int replies = 1)
    {
        var direct = await StoreAsync(Postfix.EndPointOf("direct"));
        var shielded = await StoreAsync(Shield.EndPoint);
        Assert.That(shielded.AsSpan().SequenceEqual(direct), Is.True, () => Difference(direct, shielded));
        // Without a header Postfix puts an empty line before the body; then the direct delivery is what counts.
        if (sent is not null && sent.StartsWith("Subject: ", StringComparison.Ordinal))
            Assert.That(shielded.AsSpan().SequenceEqual(Encoding.Latin1.GetBytes(sent.Replace("\r\n", "\n", StringComparison.Ordinal))), Is.True,
                "differs from what was sent");

        async Task<byte[]> StoreAsync(IPEndPoint server)
        {
            var box = TakeBox();
            await using var client = await RawSmtpClient.ConnectAsync(server, s_client, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
            await sendAsync(client, box);
            for (var reply = 0; reply < replies; reply++)
                Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250"));
            Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
            return await StoredMessage.ReadAsync((await Postfix.WaitForMessagesAsync(box, 1, s_limit, cancellationToken)).Single(), cancellationToken);
        }
    }

    private async Task CompareProgramAsync(Func<int, string, (string Program, string[] Arguments)> command, int messages, CancellationToken cancellationToken)
    {
        var direct = await StoreAsync(Postfix.EndPointOf("direct"));
        var shielded = await StoreAsync(Shield.EndPoint);
        Assert.That(direct, Has.Count.EqualTo(messages));
        Assert.That(shielded, Has.Count.EqualTo(messages));
        foreach (var message in shielded)
            Assert.That(message.AsSpan().SequenceEqual(direct[0]), Is.True, () => Difference(direct[0], message));

        async Task<IReadOnlyList<byte[]>> StoreAsync(IPEndPoint server)
        {
            var box = TakeBox();
            var (program, arguments) = command(server.Port, box);
            await OutsideProcess.RunSuccessfullyAsync(program, arguments, s_limit, cancellationToken);
            var stored = new List<byte[]>();
            foreach (var path in await Postfix.WaitForMessagesAsync(box, messages, s_limit, cancellationToken))
                stored.Add(await StoredMessage.ReadAsync(path, cancellationToken));
            return stored;
        }
    }

    private async Task<string> SendBigAsync(string box, int size, string by, CancellationToken cancellationToken)
    {
        var block = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(new string('b', 998) + "\r\n", 1000)));
        var stored = Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(block).Replace("\r\n", "\n", StringComparison.Ordinal));
        var header = "Subject: big\r\n\r\n";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes("Subject: big\n\n"));
        await using var client = await RawSmtpClient.ConnectAsync(Shield.EndPoint, s_client, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        foreach (var command in new[] { "EHLO client.example", "MAIL FROM:<a@client.example>", $"RCPT TO:<{box}@example.test>" })
            Assert.That(await client.CommandAsync(command, cancellationToken), Does.StartWith("250"));
        if (by == "DATA")
            Assert.That(await client.CommandAsync("DATA", cancellationToken), Does.StartWith("354"));
        else
            await client.SendAsync($"BDAT {header.Length + size / block.Length * block.Length} LAST\r\n", cancellationToken);
        await client.SendAsync(header, cancellationToken);
        for (var sent = 0; sent < size / block.Length; sent++)
        {
            await client.SendAsync(block, cancellationToken);
            hash.AppendData(stored);
        }
        if (by == "DATA")
            await client.SendAsync(".\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 2.0.0 Ok: "));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Difference(byte[] expected, byte[] actual)
    {
        var at = expected.AsSpan().CommonPrefixLength(actual);
        return $"expected {expected.Length} octets, got {actual.Length}; they differ at {at}: expected \"{Around(expected)}\", got \"{Around(actual)}\"";

        string Around(byte[] octets) => Encoding.Latin1.GetString(octets.AsSpan(Math.Max(0, at - 20)..Math.Min(octets.Length, at + 40)));
    }
}
