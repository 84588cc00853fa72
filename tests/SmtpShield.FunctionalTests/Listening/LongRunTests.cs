using SmtpShield.Listening;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>
/// Hours at the bound of sessions, by a clock that is moved: clients that leave in every way give their places back, and others wait no longer than that.
/// </summary>
public sealed class LongRunTests
{
    private const int Rounds = 12;

    private static readonly TimeSpan _betweenRounds = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    [Test, CancelAfter(120_000)]
    public async Task Bound_HoursOfClientsThatComeAndGo_KeepsEveryPlace(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = AnsweringMta.Start();
        var options = ShieldUnderTest.Before(mta);
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Limits = options.Limits with { ClientConnectionCountLimit = 0 }, Upstream = options.Upstream with { SessionLimit = 0 } },
            cancellationToken,
            time,
            resources: new ProcessResources(Descriptors: 320, DescriptorsOpen: 200, Memory: 64L << 30));
        var fit = int.Parse(System.Text.RegularExpressions.Regex.Match(shield.Log.Lines[0], @"is lowered to (\d+): ").Groups[1].Value, null);
        for (var round = 1; round <= Rounds; round++)
        {
            var clients = new List<(RawSmtpClient Client, Task<string> Greeting)>();
            await JoinAsync(fit);
            await GreetedAsync(fit);

            // Those that come now wait, until others leave.
            await JoinAsync(fit / 2);
            for (var leaver = 0; leaver < fit / 2; leaver++)
                await clients[leaver].Client.VanishAsync(reset: leaver % 2 == 0);
            await GreetedAsync(fit + (fit / 2));

            // The others say nothing, are told so, and do not close.
            time.Advance(TimeSpan.FromSeconds(300));
            await Eventually.HoldsAsync(() => Lines("disconnect from") == round * clients.Count, _patience,
                $"all sessions of round {round} are over", cancellationToken);
            await Eventually.HoldsAsync(IsEmptyLater, _patience, "no connection is left", cancellationToken);
            foreach (var (client, _) in clients)
                await client.DisposeAsync();
            time.Advance(_betweenRounds);

            async Task JoinAsync(int count)
            {
                for (var i = 0; i < count; i++)
                {
                    var client = await shield.ConnectAsync(cancellationToken);
                    clients.Add((client, client.ReplyAsync(cancellationToken)));
                }
            }

            // One that has just ended may begin to wait for its client only now.
            bool IsEmptyLater()
            {
                time.Advance(TimeSpan.FromSeconds(2));
                return shield.Drain.Connections == 0;
            }

            Task GreetedAsync(int count) => Eventually.HoldsAsync(
                () => clients.Count(static client => client.Greeting is { IsCompletedSuccessfully: true }) == count, _patience,
                $"{count} clients are greeted", cancellationToken);
        }

        Assert.That(shield.Log.Errors, Is.Empty);
        Assert.That(time.Elapsed, Is.GreaterThan(TimeSpan.FromHours(6)));

        int Lines(string start) => shield.Log.Lines.Count(line => line.StartsWith(start, StringComparison.Ordinal));
    }
}
