using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>Two MTAs: another one may take a session only before any command.</summary>
[CancelAfter(10_000)]
internal sealed class FailoverTests
{
    [Test]
    [Property("Hazard", "LOSS-8")]
    public async Task Connect_OneDestinationRefuses_TheOtherServesWithOneGreeting(CancellationToken cancellationToken)
    {
        await using var away = new ScriptedMta();
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(ShieldUnderTest.Before(away, mta), cancellationToken);
        away.StopListening();
        for (var i = 0; i < 3; i++)
        {
            await using var client = await shield.ConnectAsync(cancellationToken);
            var connection = await mta.AcceptAsync(cancellationToken);
            await connection.SendAsync("220 second\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 second"));
        }
    }

    [Test]
    [Property("Hazard", "LOSS-9")]
    public async Task Session_MtaDiesBehindRcpt_IsNotReplayedToTheOther(CancellationToken cancellationToken)
    {
        await using var one = new ScriptedMta();
        await using var other = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(ShieldUnderTest.Before(one, other), cancellationToken);
        await using var client = await shield.ConnectAsync(cancellationToken);
        var accepting = new[] { one.AcceptAsync(cancellationToken), other.AcceptAsync(cancellationToken) };
        var mta = await await Task.WhenAny(accepting);
        await mta.SendAsync("220 mx\r\n", cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.SendAsync("RCPT TO:<a@b>\r\n", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        mta.Close();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
        await shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(accepting.Count(static connection => connection.IsCompleted), Is.EqualTo(1));
        one.StopListening();
        other.StopListening();
        Assert.That(async () => await accepting.Single(static connection => !connection.IsCompletedSuccessfully), Throws.InstanceOf<Exception>());
    }
}
