using System.Text;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// Clients that end TLS in the middle, in order or not: Postfix behind the shield delivers no half of a message and none twice, and
/// what was acknowledged is there.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class TlsTruncationTests
{
    private const string Message = "Subject: cut\r\n\r\none\r\ntwo\r\n";
    private static int s_box;
    private TlsServers? _servers;

    private static IEnumerable<TestCaseData> Endings =>
        from mode in new[] { "terminate", "encrypt", "wrapper" }
        from how in new[] { "close_notify", "FIN", "RST" }
        select new TestCaseData(mode, how);

    private TlsServers Servers => _servers ?? throw new InvalidOperationException("The servers were not started");

    [OneTimeSetUp]
    public async Task StartServers() => _servers = await TlsServers.StartAsync(TestContext.CurrentContext.CancellationToken);

    [OneTimeTearDown]
    public async Task StopServers()
    {
        if (_servers is not null)
            await _servers.DisposeAsync();
    }

    [TestCaseSource(nameof(Endings))]
    [CancelAfter(120_000)]
    public async Task End_WithinAMessage_NothingIsDelivered(string mode, string how, CancellationToken cancellationToken)
    {
        var boxes = new List<string>();
        foreach (var octets in (string[])
        [
            "DATA\r\n|",
            "DATA\r\n|Subject: cut\r\n\r\none\r\n",
            "DATA\r\n|Subject: cut\r\n\r\none\r\ntw",
            "DATA\r\n|Subject: cut\r\n\r\none\r\n.",
            "DATA\r\n|Subject: cut\r\n\r\none\r\n.\r",
            "DATA\r\n|" + Lines(200_000),
            "BDAT 100 LAST\r\nSubject: cut\r\n\r\none\r\n",
            "BDAT 19\r\n" + "Subject: cut\r\n\r\none\r\n"[..19] + "|",
            "BDAT 19\r\n" + "Subject: cut\r\n\r\none\r\n"[..19] + "|BDAT 50 LAST\r\nx",
        ])
        {
            boxes.Add(NextBox());
            await using var client = await TlsSmtpClient.ConnectWithTlsAsync(Servers.EndPointOf(mode), "127.85.2.1", mode == "wrapper", cancellationToken);
            await client.BeginMessageAsync(boxes[^1], cancellationToken);
            var parts = octets.Split('|');
            await client.SendAsync(parts[0], cancellationToken);
            if (parts.Length > 1)
            {
                Assert.That(await client.ReplyAsync(cancellationToken), Does.Match("^(354|250) "));
                await client.SendAsync(parts[1], cancellationToken);
            }
            await client.EndAsync(how, cancellationToken);
        }

        await WaitForEndAsync(cancellationToken);
        Assert.That(boxes.Select(box => Servers.Postfix.MessagesOf(box).Count), Is.All.Zero);
    }

    [TestCaseSource(nameof(Endings))]
    [CancelAfter(120_000)]
    public async Task End_BehindTheMessageWithoutReadingTheReply_IsDeliveredAtMostOnceAndWhole(string mode, string how, CancellationToken cancellationToken)
    {
        var boxes = new List<string>();
        foreach (var octets in (string[])["DATA\r\n|" + Message + ".\r\n", $"BDAT {Message.Length} LAST\r\n{Message}",
            $"BDAT {Message.Length}\r\n{Message}|BDAT 0 LAST\r\n"])
        {
            boxes.Add(NextBox());
            await using var client = await TlsSmtpClient.ConnectWithTlsAsync(Servers.EndPointOf(mode), "127.85.2.2", mode == "wrapper", cancellationToken);
            await client.BeginMessageAsync(boxes[^1], cancellationToken);
            var parts = octets.Split('|');
            await client.SendAsync(parts[0], cancellationToken);
            if (parts.Length > 1)
            {
                Assert.That(await client.ReplyAsync(cancellationToken), Does.Match("^(354|250) "));
                await client.SendAsync(parts[1], cancellationToken);
            }
            await client.EndAsync(how, cancellationToken);
        }

        await WaitForEndAsync(cancellationToken);
        var counts = boxes.Select(box => Servers.Postfix.MessagesOf(box).Count).ToArray();
        // What was sent before RST may not have come.
        Assert.That(counts, how == "RST" ? Is.All.AtMost(1) : Is.All.EqualTo(1));
        foreach (var path in boxes.SelectMany(Servers.Postfix.MessagesOf))
            await AssertWholeAsync(path, cancellationToken);
    }

    [TestCaseSource(nameof(Endings))]
    [CancelAfter(120_000)]
    public async Task End_BehindTheReply_IsDeliveredOnce(string mode, string how, CancellationToken cancellationToken)
    {
        var boxes = new List<string>();
        foreach (var octets in (string[])["DATA\r\n|" + Message + ".\r\n", $"BDAT {Message.Length} LAST\r\n{Message}"])
        {
            boxes.Add(NextBox());
            await using var client = await TlsSmtpClient.ConnectWithTlsAsync(Servers.EndPointOf(mode), "127.85.2.3", mode == "wrapper", cancellationToken);
            await client.BeginMessageAsync(boxes[^1], cancellationToken);
            var parts = octets.Split('|');
            await client.SendAsync(parts[0], cancellationToken);
            if (parts.Length > 1)
            {
                await client.ReplyAsync(cancellationToken);
                await client.SendAsync(parts[1], cancellationToken);
            }
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("250 2.0.0 Ok: "));
            await client.EndAsync(how, cancellationToken);
        }

        await WaitForEndAsync(cancellationToken);
        foreach (var box in boxes)
            await AssertWholeAsync(Servers.Postfix.MessagesOf(box).Single(), cancellationToken);
    }

    private static string NextBox() => $"box{Interlocked.Increment(ref s_box)}";

    private static string Lines(int count) => string.Concat(Enumerable.Repeat("line\r\n", count / 6));

    private static async Task AssertWholeAsync(string path, CancellationToken cancellationToken) =>
        Assert.That(Encoding.Latin1.GetString(await StoredMessage.ReadAsync(path, cancellationToken)),
            Is.EqualTo(Message.Replace("\r\n", "\n", StringComparison.Ordinal)));

    private async Task WaitForEndAsync(CancellationToken cancellationToken)
    {
        await Servers.Shield.Log.WaitForQuietAsync(cancellationToken);
        await Servers.Postfix.LogOf("clear").WaitForQuietAsync(cancellationToken);
        await Servers.Postfix.LogOf("starttls").WaitForQuietAsync(cancellationToken);
        await Servers.Postfix.WaitForEmptyQueueAsync(cancellationToken);
    }
}
