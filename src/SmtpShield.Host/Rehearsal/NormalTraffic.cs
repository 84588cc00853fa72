using SmtpShield.Host.Demo;

namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// What normal clients do in one <c>anvil_rate_time_unit</c>. All that counts per client counts in one window here, so how long it takes says nothing.
/// </summary>
/// <param name="stage">Where they play.</param>
/// <param name="scale">How much they do.</param>
internal sealed class NormalTraffic(RehearsalStage stage, RehearsalScale scale)
{
    /// <summary>Recipients of one message: what Postfix sends (<c>default_destination_recipient_limit</c>).</summary>
    public const int RecipientsOfAMessage = 50;

    // A client that waits for longer has noticed it, however slow the machine is.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>The kinds of clients, and what one of each does.</summary>
    public IReadOnlyList<(string Name, string Does)> Kinds { get; } =
    [
        ("sender", $"{Times(scale.Mails, "mail")}, each on a connection of its own"),
        ("partner", $"{Times(scale.AtOnce, "connection")} at the same time, a mail on each"),
        ("list", $"{Times(scale.Recipients, "recipient")} on one connection, {RecipientsOfAMessage} a message"),
        ("user", stage.HasUsers ? "one wrong password, then the right one; one mistyped recipient; a mail" : "one mistyped recipient; a mail"),
    ];

    /// <summary>Plays it, all clients at the same time.</summary>
    public async Task<RehearsalTally> PlayAsync(CancellationToken cancellationToken)
    {
        var tally = new RehearsalTally();
        await Task.WhenAll(Enumerable.Range(0, scale.Clients).SelectMany(_ => (Task[])
        [
            PlayAsync("sender", scale.Mails, SendAsync), PlayAsync("partner", scale.AtOnce, SendAtOnceAsync),
            PlayAsync("list", Messages, SendToManyAsync), PlayAsync("user", 1, SubmitAsync),
        ]));
        return tally;

        async Task PlayAsync(string kind, int mails, Func<NormalClient, CancellationToken, Task> play)
        {
            tally.NoteOffered(mails);
            var client = new NormalClient(stage, kind, tally);
            using var patience = new CancellationTokenSource(_patience, TimeProvider.System);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
            try
            {
                await play(client, either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                client.Expect(new(0, $"nothing for {_patience.TotalSeconds:0} s"), 250, "what it does");
            }
        }
    }

    private int Messages => (scale.Recipients + RecipientsOfAMessage - 1) / RecipientsOfAMessage;

    private static string Times(int number, string word) => number == 1 ? $"1 {word}" : $"{number} {word}s";

    private async Task SendAsync(NormalClient client, CancellationToken cancellationToken)
    {
        for (var mail = 0; mail < scale.Mails; mail++)
            await SendOneAsync(client, cancellationToken);
    }

    private async Task SendAtOnceAsync(NormalClient client, CancellationToken cancellationToken)
    {
        // All are there before the first one goes: counts, not the machine, say how many are open.
        var begun = await Task.WhenAll(Enumerable.Range(0, scale.AtOnce).Select(_ => client.BeginAsync(cancellationToken)));
        await Task.WhenAll(begun.OfType<(LoopbackClient Connection, Answer)>().Select(async one =>
        {
            using var connection = one.Connection;
            await client.MailAsync(connection, 1, isMistyped: false, cancellationToken);
            await NormalClient.EndAsync(connection, cancellationToken);
        }));
    }

    private async Task SendToManyAsync(NormalClient client, CancellationToken cancellationToken)
    {
        if (await client.BeginAsync(cancellationToken) is not var (connection, _))
            return;
        using (connection)
        {
            for (var left = scale.Recipients; left > 0; left -= RecipientsOfAMessage)
                await client.MailAsync(connection, Math.Min(left, RecipientsOfAMessage), isMistyped: false, cancellationToken);
            await NormalClient.EndAsync(connection, cancellationToken);
        }
    }

    private async Task SubmitAsync(NormalClient client, CancellationToken cancellationToken)
    {
        if (await client.BeginAsync(cancellationToken) is not var (connection, ehlo))
            return;
        using (connection)
        {
            if (stage.HasUsers && ehlo.Offers("AUTH"))
            {
                client.Expect(await connection.CommandAsync(RehearsalStage.Auth("wrong"), cancellationToken), 535, "AUTH with a wrong password");
                client.Expect(await connection.CommandAsync(RehearsalStage.Auth(SinkDialogue.Password), cancellationToken), 235, "AUTH");
            }

            await client.MailAsync(connection, 1, isMistyped: true, cancellationToken);
            await NormalClient.EndAsync(connection, cancellationToken);
        }
    }

    private static async Task SendOneAsync(NormalClient client, CancellationToken cancellationToken)
    {
        if (await client.BeginAsync(cancellationToken) is not var (connection, _))
            return;
        using (connection)
        {
            await client.MailAsync(connection, 1, isMistyped: false, cancellationToken);
            await NormalClient.EndAsync(connection, cancellationToken);
        }
    }
}
