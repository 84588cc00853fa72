using System.Net;

namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// A client that does nothing wrong, or no more than people do: what it has with the shield, and that it notices when it is told something else.
/// </summary>
/// <param name="stage">Where it plays.</param>
/// <param name="kind">What kind of client it is.</param>
/// <param name="tally">Where it is told what became of it.</param>
internal sealed class NormalClient(RehearsalStage stage, string kind, RehearsalTally tally)
{
    private readonly IPAddress _address = stage.Addresses.NextNormal();
    private bool _mayPipeline;

    /// <summary>Connects and introduces itself, with TLS where that is offered.</summary>
    /// <returns>The connection and what EHLO was answered; null: it was told something else, which is noted.</returns>
    public async Task<(LoopbackClient Connection, Answer Ehlo)?> BeginAsync(CancellationToken cancellationToken)
    {
        if (await stage.ConnectAsync(_address, cancellationToken) is not { } connection)
        {
            Expect(Answer.Closed, 220, "connect");
            return null;
        }

        if (await SayHelloAsync(connection, cancellationToken) is { } ehlo)
            return (connection, ehlo);
        connection.Dispose();
        return null;
    }

    /// <summary>Sends a mail, its envelope in one piece where the shield offers PIPELINING.</summary>
    /// <param name="connection">On which connection.</param>
    /// <param name="recipients">To how many.</param>
    /// <param name="isMistyped">Whether it writes to somebody else first, who does not exist.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task MailAsync(LoopbackClient connection, int recipients, bool isMistyped, CancellationToken cancellationToken)
    {
        var all = Expect(await connection.CommandAsync(stage.MailFrom, cancellationToken), 250, "MAIL");
        if (isMistyped)
            await connection.CommandAsync(stage.RcptTo(exists: false), cancellationToken);
        var accepted = 0;
        if (_mayPipeline)
            await connection.SendAsync(string.Concat(Enumerable.Repeat(stage.RcptTo(exists: true) + "\r\n", recipients)), cancellationToken);
        for (var recipient = 0; recipient < recipients; recipient++)
        {
            var answer = _mayPipeline ? await connection.ReplyAsync(cancellationToken)
                : await connection.CommandAsync(stage.RcptTo(exists: true), cancellationToken);
            accepted += Expect(answer, 250, "RCPT") ? 1 : 0;
        }

        if (accepted == 0 || !Expect(await connection.CommandAsync("DATA", cancellationToken), 354, "DATA"))
            return;

        all &= accepted == recipients;
        if (Expect(await connection.CommandAsync(RehearsalStage.Content, cancellationToken), 250, "the end of mail data") && all)
            tally.NoteDelivered();
    }

    /// <summary>Says QUIT, whatever is answered, and goes.</summary>
    public static async Task EndAsync(LoopbackClient connection, CancellationToken cancellationToken)
    {
        await connection.CommandAsync("QUIT", cancellationToken);
        connection.Dispose();
    }

    /// <summary>Whether an answer is the one that is expected; another one is noted.</summary>
    public bool Expect(Answer answer, int code, string to)
    {
        if (answer.Code == code)
            return true;
        tally.NoteNotice(kind, _address, answer.Text, to);
        return false;
    }

    private async Task<Answer?> SayHelloAsync(LoopbackClient connection, CancellationToken cancellationToken)
    {
        if (!Expect(await connection.ReplyAsync(cancellationToken), 220, "connect"))
            return null;
        var ehlo = await connection.CommandAsync(RehearsalStage.Hello, cancellationToken);
        _mayPipeline = ehlo.Offers("PIPELINING");
        if (!Expect(ehlo, 250, "EHLO"))
            return null;
        if (!stage.EndsTls || !ehlo.Offers("STARTTLS"))
            return ehlo;

        if (!Expect(await connection.CommandAsync("STARTTLS", cancellationToken), 220, "STARTTLS"))
            return null;
        if (!await connection.BeginTlsAsync(cancellationToken))
        {
            Expect(Answer.Closed, 220, "the handshake");
            return null;
        }

        ehlo = await connection.CommandAsync(RehearsalStage.Hello, cancellationToken);
        return Expect(ehlo, 250, "EHLO inside TLS") ? ehlo : null;
    }
}
