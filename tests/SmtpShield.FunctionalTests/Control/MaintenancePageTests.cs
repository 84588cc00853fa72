using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>One of two MTAs is taken out for maintenance, as the page about several MTAs says, while messages are on their way to it.</summary>
[Property("Operations", "J7"), Property("Operations", "OPS-48")]
internal sealed class MaintenancePageTests : JourneyFixture
{
    private volatile bool _isOff;

    [Test]
    public async Task Commands_OfThePage_TakeOneOutAndBackAndPrintWhatItSays(CancellationToken cancellationToken)
    {
        var one = Serve("mta1.example:25", line => Task.FromResult(line.Length == 0 && _isOff ? "" : null));
        var two = Serve("mta2.example:25", static _ => Task.FromResult<string?>(null));
        await StartAsync("shield_upstream_policy = first\nshield_upstream_slow_start = 0", cancellationToken);
        AdvanceTo(3, 12, 1);
        var busy = new List<RawSmtpClient>();
        foreach (var address in (string[])["192.0.2.7", "192.0.2.8"])
        {
            busy.Add(await GreetedAsync(address, cancellationToken));
            await SayAsync(
                busy[^1], cancellationToken, ("EHLO c.example", 250), ("MAIL FROM:<a@c.example>", 250), ("RCPT TO:<b@example.com>", 250), ("DATA", 354));
        }

        var looks = 0;
        await TypeAsync("docs/tasks/several-mtas.md", BeforeAsync, cancellationToken);

        async Task BeforeAsync(string command)
        {
            if (!command.StartsWith("upstream list", StringComparison.Ordinal))
                return;
            switch (++looks)
            {
                case 1:
                    foreach (var client in busy)
                        await SayAsync(client, cancellationToken, ("Subject: x\r\n\r\n.", 250));
                    await UntilAsync(() => SessionsAt(one) == 0, "their messages are over", cancellationToken);
                    // Their next mail goes to the other one, in the same sessions.
                    foreach (var client in busy)
                        await SayAsync(client, cancellationToken, ("MAIL FROM:<a@c.example>", 250));
                    Assert.That(SessionsAt(two), Is.EqualTo(2));
                    foreach (var client in busy)
                        await SayAsync(client, cancellationToken, ("QUIT", 221));
                    _isOff = true;
                    break;
                case 2:
                    await WhileTimePassesAsync(() => Reason.Length > 0 && SessionsAt(one) == 0, "it was probed, and does not serve", cancellationToken);
                    _isOff = false;
                    break;
                case 3:
                    await WhileTimePassesAsync(() => Reason.Length == 0 && SessionsAt(one) == 0, "it was probed, and serves", cancellationToken);
                    AdvanceTo(3, 40, 0);
                    break;
                case 4:
                    await UntilAsync(() => SessionsAt(two) == 0, "who has quit is gone", cancellationToken);
                    await GreetedAsync("192.0.2.9", cancellationToken);
                    break;
            }
        }
    }

    private int SessionsAt(ScriptedMta mta) => Shield.Maintenance.SessionsAt($"{mta.EndPoint}");

    private string Reason => Shield.Maintenance.Pictures()[0].Reason;
}
