using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// An MTA has lost its database, and defers or refuses every recipient: nobody is banned for it, it is said, and it ends by itself, as the page says.
/// </summary>
[Property("Operations", "J5"), Property("Operations", "OPS-48")]
internal sealed class SuspendedBansPageTests : JourneyFixture
{
    private const string Stranger = "203.0.113.9";
    private const string Deferred = "RCPT TO:<user0@example.com>";
    private static readonly string[] s_honest = ["192.0.2.7", "192.0.2.8", "192.0.2.9", "198.51.100.3", "198.51.100.9"];
    private volatile bool _isBroken;

    [Test]
    public async Task Commands_OfThePage_ShowThatNobodyIsBannedAndPrintWhatItSays(CancellationToken cancellationToken)
    {
        Serve("127.0.0.1:10025", line => Task.FromResult(!_isBroken || !line.StartsWith("RCPT ", StringComparison.Ordinal) ? null
            : line == Deferred ? "451 4.3.0 <user0@example.com>: Temporary lookup failure" : "550 5.1.1 User unknown in virtual mailbox table"));
        await StartAsync("shield_ban_threshold = 3\nshield_client_error_rate_limit = 3", cancellationToken);
        AdvanceTo(3, 1, 0);
        foreach (var address in s_honest)
            await DeliverAsync(address, cancellationToken);

        _isBroken = true;
        AdvanceTo(3, 12, 20);
        foreach (var address in s_honest[1..])
            await TryInVainAsync(address, cancellationToken, (Deferred, 451));
        await LeaveAsync(await GreetedAsync(s_honest[0], cancellationToken), cancellationToken);
        await UntilIdleAsync(cancellationToken);
        AdvanceTo(3, 12, 22);
        await TryInVainAsync(Stranger, cancellationToken);
        await UntilIdleAsync(cancellationToken);
        AdvanceTo(3, 12, 28);

        var looks = 0;
        await TypeAsync("docs/tasks/when-bans-are-suspended.md", BeforeAsync, cancellationToken);

        Assert.That(Shield.Bans.Count, Is.Zero);
        Assert.That(Shield.Log.Lines, Has.Some.EqualTo("ban: automatic bans at service smtp again"));
        // It bans again, for what is done from now on.
        _isBroken = true;
        await TryInVainAsync("198.51.100.77", cancellationToken);
        await UntilIdleAsync(cancellationToken);
        Assert.That(Shield.Bans.Count, Is.EqualTo(1));

        async Task BeforeAsync(string command)
        {
            // The second time.
            if (command != "status" || ++looks != 2)
                return;
            _isBroken = false;
            AdvanceTo(3, 20, 0);
            foreach (var address in (string[])[.. s_honest, Stranger])
                await DeliverAsync(address, cancellationToken);
            AdvanceTo(3, 20, 4);
        }
    }

    // Four recipients are refused, which counts; then it is told to go, and so it is at its next two tries.
    private async Task TryInVainAsync(string address, CancellationToken cancellationToken, params (string Line, int Code)[] before)
    {
        await using (var client = await GreetedAsync(address, cancellationToken))
        {
            await SayAsync(client, cancellationToken, ("EHLO c.example", 250), ("MAIL FROM:<a@c.example>", 250));
            await SayAsync(client, cancellationToken, before);
            for (var i = 1; i <= 4; i++)
                await SayAsync(client, cancellationToken, ($"RCPT TO:<user{i}@example.com>", 550));
            await SayAsync(client, cancellationToken, ("RSET", 421));
        }

        for (var i = 0; i < 2; i++)
        {
            await using var again = await ConnectAsync(address, cancellationToken);
            Assert.That(await again.ReadToEndAsync(cancellationToken), Does.StartWith($"421 4.7.0 mail.example.com Error: too many errors from {address}"));
        }
    }
}
