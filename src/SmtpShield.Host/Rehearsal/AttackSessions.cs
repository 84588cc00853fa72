namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// What one address of an attack does. The attackers of the project's benchmark, which these are after, go on for ever; these end, so that they can be counted.
/// </summary>
internal static class AttackSessions
{
    // As many as a message may have at Postfix (smtpd_recipient_limit).
    private const int Recipients = 1000;

    private static readonly TimeSpan _drip = TimeSpan.FromSeconds(1);

    /// <summary>Comes once.</summary>
    public static async Task VisitAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
        attacker.Note(connection is not null);
    }

    /// <summary>Comes and goes.</summary>
    public static async Task ReconnectAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        while (attacker.TriesAgain())
        {
            using var connection = await attacker.ConnectAsync(cancellationToken);
            if (attacker.Note(connection is not null))
                await LeaveAsync(connection!, cancellationToken);
        }
    }

    /// <summary>Opens as many connections as it gets, or a few more than it may, and says no more than EHLO.</summary>
    public static Task HoldAsManyAsync(AttackerSession attacker, CancellationToken cancellationToken) =>
        HoldAsync(attacker, attacker.Stage.Attackers.Connections, cancellationToken);

    /// <summary>The same with ten: no limit on one client is meant to stop that.</summary>
    public static Task HoldTenAsync(AttackerSession attacker, CancellationToken cancellationToken) => HoldAsync(attacker, 10, cancellationToken);

    private static async Task HoldAsync(AttackerSession attacker, int connections, CancellationToken cancellationToken)
    {
        var held = new List<LoopbackClient>();
        try
        {
            for (var left = connections; left > 0 && attacker.TriesAgain(); left--)
            {
                var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
                if (attacker.Note(connection is not null))
                    held.Add(connection!);
            }

            attacker.Stand();
            foreach (var connection in held)
                await connection.WaitForEndAsync(cancellationToken);
        }
        finally
        {
            held.ForEach(static connection => connection.Dispose());
        }
    }

    /// <summary>Waits for the greeting, and says nothing.</summary>
    public static async Task SayNothingAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.ConnectAsync(cancellationToken);
        attacker.Note(connection is not null);
        attacker.Stand();
        if (connection is not null)
            await connection.WaitForEndAsync(cancellationToken);
    }

    /// <summary>Sends an octet of a command each second.</summary>
    public static async Task DripCommandAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
        if (attacker.Note(connection is not null))
            await DripAsync(attacker, connection!, cancellationToken);
    }

    /// <summary>Sends an octet of content each second.</summary>
    public static async Task DripContentAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(
            cancellationToken, RehearsalStage.Hello, attacker.Stage.MailFrom, attacker.Stage.RcptTo(exists: true), "DATA");
        if (attacker.Note(connection is not null))
            await DripAsync(attacker, connection!, cancellationToken);
    }

    /// <summary>Sends an octet of a BDAT chunk each second, where the mail server takes such.</summary>
    public static async Task DripChunkAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(
            cancellationToken, RehearsalStage.Hello, attacker.Stage.MailFrom, attacker.Stage.RcptTo(exists: true));
        if (attacker.Note(connection?.Ehlo.Offers("CHUNKING") is true && await connection.SendAsync("BDAT 100000 LAST\r\n", cancellationToken)))
            await DripAsync(attacker, connection!, cancellationToken);
    }

    /// <summary>Asks for many recipients at once, then for ten more each second, and reads no reply.</summary>
    public static async Task NeverReadAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello, attacker.Stage.MailFrom);
        if (!attacker.Note(connection is not null))
            return;
        var recipient = attacker.Stage.RcptTo(exists: true) + "\r\n";
        var isOpen = await connection!.SendAsync(string.Concat(Enumerable.Repeat(recipient, Recipients)), cancellationToken);
        for (; isOpen; isOpen = await connection.SendAsync(string.Concat(Enumerable.Repeat(recipient, 10)), cancellationToken))
        {
            attacker.Stand();
            await Task.Delay(_drip, attacker.Stage.Clock, cancellationToken);
        }
    }

    /// <summary>Asks for recipients that do not exist: on a connection for as long as it is let, then on the next one.</summary>
    public static Task GuessRecipientsAsync(AttackerSession attacker, CancellationToken cancellationToken) =>
        GuessAsync(attacker, attacker.Stage.RcptTo(exists: false), cancellationToken, RehearsalStage.Hello, attacker.Stage.MailFrom);

    /// <summary>Tries wrong passwords likewise.</summary>
    public static Task GuessPasswordsAsync(AttackerSession attacker, CancellationToken cancellationToken) =>
        GuessAsync(attacker, RehearsalStage.Auth("guess"), cancellationToken, RehearsalStage.Hello);

    /// <summary>Sends one mail after the other on one connection, and on the next one when that is ended.</summary>
    public static async Task SendMailsAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        while (attacker.TriesAgain())
        {
            using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
            if (connection is null)
                attacker.Note(isThrough: false);
            while (connection is not null && attacker.Note(await IsSentAsync(attacker.Stage, connection, cancellationToken)) && attacker.TriesAgain())
            {
            }
        }
    }

    /// <summary>Says NOOP until it is shown out.</summary>
    public static async Task SayJunkAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
        if (connection is null)
            attacker.Note(isThrough: false);
        for (var left = attacker.Stage.Attackers.Junk; connection is not null && left > 0; left--)
        {
            if (!attacker.Note((await connection.CommandAsync("NOOP", cancellationToken)).Code == 250))
                break;
        }
    }

    /// <summary>Does not wait for the greeting.</summary>
    public static async Task TalkFirstAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.ConnectAsync(cancellationToken, RehearsalStage.Hello + "\r\n");
        attacker.Note(connection is not null);
    }

    /// <summary>Speaks another protocol.</summary>
    public static async Task SpeakHttpAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        using var connection = await attacker.ConnectAsync(cancellationToken);
        attacker.Note(connection is not null && (await connection.CommandAsync("GET / HTTP/1.1", cancellationToken)).Code is not (0 or 221 or 421));
    }

    /// <summary>Comes, has a whole handshake, and goes.</summary>
    public static async Task HandshakeAsync(AttackerSession attacker, CancellationToken cancellationToken)
    {
        while (attacker.TriesAgain())
        {
            if (attacker.Stage is { IsWrapped: false, NeedsTls: false })
            {
                using var begun = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello, "STARTTLS");
                if (attacker.Note(begun is not null && await begun.BeginTlsAsync(cancellationToken)))
                    await LeaveAsync(begun!, cancellationToken);
                continue;
            }

            // There is no connection without one.
            using var connection = await attacker.BeginAsync(cancellationToken, RehearsalStage.Hello);
            if (attacker.Note(connection is not null))
                await LeaveAsync(connection!, cancellationToken);
        }
    }

    // Waits until the shield counts the connection no more: how many are open is then no matter of threads.
    private static async Task LeaveAsync(LoopbackClient connection, CancellationToken cancellationToken)
    {
        await connection.SendAsync("QUIT\r\n", cancellationToken);
        await connection.WaitForEndAsync(cancellationToken);
    }

    private static async Task GuessAsync(AttackerSession attacker, string guess, CancellationToken cancellationToken, params string[] first)
    {
        while (attacker.TriesAgain())
        {
            using var connection = await attacker.BeginAsync(cancellationToken, first);
            if (connection is null)
            {
                attacker.Note(isThrough: false);
                continue;
            }

            do
            {
                // What the MTA itself has answered is a guess that got through.
                var answer = await connection.CommandAsync(guess, cancellationToken);
                if (answer.Code is 0 or 421)
                {
                    attacker.NoteEnd();
                    await connection.WaitForEndAsync(cancellationToken);
                    break;
                }

                attacker.Note(answer.Code is >= 500 and < 600);
            }
            while (attacker.TriesAgain());
        }
    }

    private static async Task<bool> IsSentAsync(RehearsalStage stage, LoopbackClient connection, CancellationToken cancellationToken)
    {
        foreach (var command in (string[])[stage.MailFrom, stage.RcptTo(exists: true), "DATA"])
        {
            if ((await connection.CommandAsync(command, cancellationToken)).Code is not (250 or 354))
                return false;
        }

        return (await connection.CommandAsync(RehearsalStage.Content, cancellationToken)).Code == 250;
    }

    // Without a line end; the shield ends it.
    private static async Task DripAsync(AttackerSession attacker, LoopbackClient connection, CancellationToken cancellationToken)
    {
        var end = connection.WaitForEndAsync(cancellationToken);
        while (!end.IsCompleted && await connection.SendAsync("x", cancellationToken))
        {
            attacker.Stand();
            await Task.WhenAny(end, Task.Delay(_drip, attacker.Stage.Clock, cancellationToken));
        }

        await end;
    }
}
