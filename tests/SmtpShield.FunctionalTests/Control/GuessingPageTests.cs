namespace SmtpShield.FunctionalTests.Control;

/// <summary>Passwords are guessed, and one who seems to guess is a branch office: the commands of the page stop the ones and let the other one in.</summary>
[Property("Operations", "J4"), Property("Operations", "OPS-48")]
internal sealed class GuessingPageTests : JourneyFixture
{
    private const string Guesser = "203.0.113.9";
    private const string Branch = "192.0.2.33";
    private const string Wrong = "AUTH PLAIN AGJvYgBvbGQ=";

    [Test]
    public async Task Commands_OfThePage_BanTheGuessersButForTheBranchAndPrintWhatItSays(CancellationToken cancellationToken)
    {
        Serve("127.0.0.1:10025", static line => Task.FromResult(line == Wrong ? "535 5.7.8 Error: authentication failed" : null));
        // Give or take a tenth, a ban is longer than the limit, so that it is as long as that.
        await StartAsync("""
            shield_services = smtp submission
            submission/inet/shield_listen = 127.0.0.1:0
            anvil_rate_time_unit = 1h
            shield_ban_time = 20m
            shield_ban_time_limit = 10m
            """, cancellationToken);
        foreach (var (address, minutes, guesses) in ((string, int, int)[])[
            (Guesser, 1, 24), (Branch, 2, 2), ("203.0.113.77", 4, 12), (Branch, 5, 2), ("198.51.100.3", 6, 2), (Branch, 8, 2), (Branch, 11, 2)])
        {
            AdvanceTo(3, minutes, 0);
            for (var i = 0; i < guesses; i += 2)
                await LogInAsync(address, cancellationToken, (Wrong, 535), (Wrong, 535));
        }

        await LogInAsync("198.51.100.3", cancellationToken, ("AUTH PLAIN AGJvYgBuZXc=", 235));
        await UntilIdleAsync(cancellationToken);
        AdvanceTo(3, 12, 1);

        await TypeAsync("docs/tasks/against-password-guessing.md", RunOrWatchAsync, cancellationToken);

        await LogInAsync(Branch, cancellationToken, (Wrong, 535));
        Assert.That(await GreetingAsync(Guesser, cancellationToken), Does.StartWith("421 4.7.0 "));
        Assert.That(Shield.Snapshot.Current.Of("submission").Bans.Threshold, Is.EqualTo(3));

        Task<string> RunOrWatchAsync(string command) => command == "watch ban"
            ? WatchAsync(command, ComeAgainAsync, lines: 3, cancellationToken)
            : RunAsync(command, cancellationToken);

        // Each is banned at its third try; the first one does not mind.
        async Task ComeAgainAsync()
        {
            foreach (var (address, second, tries) in ((string, int, int)[])[(Guesser, 20, 7), ("203.0.113.77", 27, 3), (Branch, 34, 3)])
            {
                AdvanceTo(3, 13, second);
                for (var i = 0; i < tries; i++)
                    Assert.That(await GreetingAsync(address, cancellationToken), Does.StartWith("421 4.7.0 mail.example.com Error: too many auth"));
                await UntilIdleAsync(cancellationToken);
            }
        }
    }

    private async Task LogInAsync(string address, CancellationToken cancellationToken, params (string Line, int Code)[] dialogue)
    {
        var client = await GreetedAsync(address, cancellationToken);
        await SayAsync(client, cancellationToken, [("EHLO c.example", 250), .. dialogue]);
        await LeaveAsync(client, cancellationToken);
    }

    private async Task<string> GreetingAsync(string address, CancellationToken cancellationToken)
    {
        await using var client = await ConnectAsync(address, cancellationToken);
        return await client.ReadToEndAsync(cancellationToken);
    }
}
