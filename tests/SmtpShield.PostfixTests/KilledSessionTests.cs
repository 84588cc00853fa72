using System.Net;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>Sessions that end in any way at any moment leave nothing behind: no socket, no count.</summary>
public sealed class KilledSessionTests
{
    private const int Sessions = 1000;
    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");

    private static readonly string s_session = string.Concat(
        "EHLO client.example\r\n",
        "MAIL FROM:<a@client.example>\r\nRCPT TO:<nosuch@example.test>\r\nRCPT TO:<good@example.test>\r\nDATA\r\n",
        "Subject: killed\r\n\r\n", string.Concat(Enumerable.Repeat(new string('x', 70) + "\r\n", 40)), ".\r\n",
        "NONSENSE\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<good@example.test>\r\n",
        "BDAT 1000 LAST\r\n", new string('x', 998), "\r\n",
        "RSET\r\nQUIT\r\n");

    [Test]
    [CancelAfter(300_000)]
    public async Task End_ThousandSessionsKilledAtRandomPoints_NoSocketAndNoCountLeft(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        await using var postfix = await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken);
        await using var shield = await ShieldProcess.StartAsync(
            postfix.EndPointOf("behind"), new Dictionary<string, string> { ["smtpd_client_connection_count_limit"] = "100" }, cancellationToken);

        await Parallel.ForAsync(0, Sessions, new ParallelOptions { MaxDegreeOfParallelism = 20, CancellationToken = cancellationToken },
            async (number, token) => await KillOneAsync(shield, number, token));

        Assert.That(await Eventually.TryAsync(() => shield.ConnectedSockets().Count == 0, TimeSpan.FromSeconds(10), cancellationToken), Is.True,
            () => "still open:\n" + string.Join('\n', shield.ConnectedSockets()));
        await shield.Log.WaitForDisconnectsAsync(Sessions, cancellationToken);
        Assert.That(shield.Log.SessionLines.Count(line => line.StartsWith("connect from ", StringComparison.Ordinal)), Is.EqualTo(Sessions));
        Assert.That(shield.Log.SessionLines.Count(line => line.StartsWith("disconnect from ", StringComparison.Ordinal)), Is.EqualTo(Sessions));

        // A count that was not given back would now refuse the first connection.
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_client_connection_count_limit"] = "1" }, cancellationToken);
        await Eventually.HoldsAsync(() => shield.AllLines.Contains("reload: smtpd_client_connection_count_limit 100 -> 1", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), "the new limit is in force", cancellationToken);
        await using var first = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Does.StartWith("220"));
        await using var second = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await second.ReplyAsync(cancellationToken), Does.StartWith("421 4.7.0"));
        Assert.That(await first.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        await shield.StopAsync(cancellationToken);
    }

    // How far it gets, whether it waits for replies on the way, and how it ends follow from its number alone.
    private static async Task KillOneAsync(ShieldProcess shield, int number, CancellationToken cancellationToken)
    {
        var random = new Random(number);
        var octets = Encoding.Latin1.GetBytes(s_session);
        var end = random.Next(4) == 0 ? random.Next(60) : random.Next(octets.Length + 1);
        var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        if (random.Next(10) > 0)
            await client.ReadReplyAsync(cancellationToken);
        var polite = random.Next(2) == 0;
        var sent = 0;
        while (sent < end)
        {
            var lineEnd = s_session.IndexOf('\n', sent) + 1;
            var next = polite ? Math.Min(lineEnd, end) : Math.Min(sent + random.Next(1, 2000), end);
            await client.SendAsync(octets.AsMemory(sent..next), cancellationToken);
            // Content has no replies, so only the first commands are waited for.
            if (polite && next == lineEnd && sent < s_session.IndexOf("Subject", StringComparison.Ordinal))
                await client.ReadReplyAsync(cancellationToken);
            sent = next;
        }
        await client.VanishAsync(reset: random.Next(2) == 0);
    }
}
