using System.Net;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Mta;

/// <summary>The program itself, just started: clients are answered in the MTA's place before anybody has had a session with it.</summary>
[CancelAfter(60_000)]
internal sealed class TaughtByProbesTests
{
    [Test]
    public async Task Connect_MtaHasBeenProbedOnly_ClientIsAnsweredInItsPlace(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint, new Dictionary<string, string> { ["shield_upstream_connect"] = "mail" }, cancellationToken);
        await using (var probe = await mta.AcceptAsync(cancellationToken))
        {
            await probe.SendAsync("220 mta.example ESMTP\r\n", cancellationToken);
            await probe.ReadLineAsync(cancellationToken);
            await probe.SendAsync("250-mta.example hello shield\r\n250 8BITMIME\r\n", cancellationToken);
            // What it was told is known when it has closed.
            Assert.That(await probe.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
            await probe.SendAsync("221 bye\r\n", cancellationToken);
            await probe.Ended.WaitAsync(cancellationToken);
        }

        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mta.example ESMTP"));
        Assert.That(await client.CommandAsync("EHLO c.example", cancellationToken), Is.EqualTo("250-mta.example\n250 8BITMIME"));
        Assert.That(await client.CommandAsync("QUIT", cancellationToken), Is.EqualTo("221 Bye"));
        Assert.That(mta.HasWaiting, Is.False);
    }
}
