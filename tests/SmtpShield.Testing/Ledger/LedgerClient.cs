using System.Net;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing.Ledger;

/// <summary>
/// An honest sender: comes again with each mail until it is told that it is accepted, in one session as long as that lasts, and uses what the server offers. It
/// writes down in the ledger what it was told, and what must not be: a refusal for good, and a wait that does not end.
/// </summary>
/// <param name="server">The server.</param>
/// <param name="from">Its address.</param>
/// <param name="recipient">The mailbox, without its domain.</param>
/// <param name="ledger">Where all is written down.</param>
/// <param name="manner">How it speaks.</param>
public sealed class LedgerClient(IPEndPoint server, IPAddress from, string recipient, MailLedger ledger, MailManner manner)
{
    // Postfix's smtpd, of a cleanup that has gone: killed when the mail was in the queue, and before it could say so.
    private const string NotKnown = "451 4.3.0 Error: queue file write error";

    private static readonly string s_half = string.Concat(Enumerable.Repeat(new string('x', 500) + "\r\n", 20));

    private Standstill? _standstill;
    private MailStage _standsAt;
    private int _refusals;

    /// <summary>How long it waits at most: longer than any wait of the shield under test, and far shorter than a client waits for its server.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>When it comes again.</summary>
    public TimeSpan BetweenTries { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often it was told to come again, or found nobody.</summary>
    public int Refusals => Volatile.Read(ref _refusals);

    /// <summary>Lets it stand still once.</summary>
    public LedgerClient StandingAt(MailStage stage, Standstill standstill)
    {
        (_standsAt, _standstill) = (stage, standstill);
        return this;
    }

    /// <summary>Sends mails, until each is accepted.</summary>
    public async Task SendAsync(int mails, CancellationToken cancellationToken)
    {
        var left = new Queue<LedgerMail>(Enumerable.Range(0, mails).Select(_ => ledger.Open()));
        while (true)
        {
            await TrySessionAsync(left, cancellationToken);
            if (left.Count == 0)
                return;
            Interlocked.Increment(ref _refusals);
            await Task.Delay(BetweenTries, TimeProvider.System, cancellationToken);
        }
    }

    private async Task TrySessionAsync(Queue<LedgerMail> left, CancellationToken cancellationToken)
    {
        RawSmtpClient client;
        try
        {
            client = await RawSmtpClient.ConnectAsync(server, from, cancellationToken);
        }
        catch (SocketException failed)
        {
            ledger.NoteRefused(failed.Message);
            return;
        }

        await using (client)
        {
            await StandAsync(MailStage.Connected);
            if (!Agrees(await ReplyAsync(client, "the greeting", cancellationToken), "220"))
                return;
            var ehlo = await AskAsync(client, "EHLO client.example\r\n", cancellationToken);
            if (!Agrees(ehlo, "250"))
                return;
            await StandAsync(MailStage.Introduced);
            while (left.TryPeek(out var mail))
            {
                if (!await TrySendAsync(client, ehlo, mail, cancellationToken))
                    return;
                left.Dequeue();
            }

            await AskAsync(client, "QUIT\r\n", cancellationToken);
        }
    }

    private async Task<bool> TrySendAsync(RawSmtpClient client, string ehlo, LedgerMail mail, CancellationToken cancellationToken)
    {
        var sender = "MAIL FROM:<a@client.example>" + (Offers("8BITMIME") ? " BODY=8BITMIME" : "") + (Offers("DSN") ? " RET=HDRS" : "") + "\r\n";
        var to = $"RCPT TO:<{recipient}@example.test>\r\n";
        var isChunked = manner == MailManner.Chunked && Offers("CHUNKING");
        var (first, second) = ($"Message-Id: <{mail.Id}>\r\nFrom: <a@client.example>\r\n\r\n{s_half}", $"{s_half}{MailLedger.LastLineOf(mail.Id)}\r\n");
        if (manner == MailManner.Pipelined && Offers("PIPELINING"))
        {
            await WriteAsync(client, sender + to + "DATA\r\n", cancellationToken);
            await StandAsync(MailStage.Sender);
            await StandAsync(MailStage.Recipient);
            // All replies are read, as by any client; what follows from a refusal is not one of its own.
            var agrees = true;
            foreach (var code in new[] { "250", "250", "354" })
            {
                var reply = await ReplyAsync(client, "a pipelined group", cancellationToken);
                agrees = agrees && Agrees(reply, code);
                if (reply.Length == 0)
                    break;
            }

            if (!agrees)
                return false;
        }
        else
        {
            if (!Agrees(await AskAsync(client, sender, cancellationToken), "250"))
                return false;
            await StandAsync(MailStage.Sender);
            if (!Agrees(await AskAsync(client, to, cancellationToken), "250"))
                return false;
            await StandAsync(MailStage.Recipient);
            if (!isChunked && !Agrees(await AskAsync(client, "DATA\r\n", cancellationToken), "354"))
                return false;
        }

        await StandAsync(MailStage.Content);
        if (isChunked)
        {
            if (!Agrees(await AskAsync(client, $"BDAT {first.Length}\r\n{first}", cancellationToken), "250"))
                return false;
            await StandAsync(MailStage.InContent);
            await WriteAsync(client, $"BDAT {second.Length} LAST\r\n{second}", cancellationToken);
        }
        else
        {
            await WriteAsync(client, first, cancellationToken);
            await StandAsync(MailStage.InContent);
            await WriteAsync(client, second + ".\r\n", cancellationToken);
        }

        await StandAsync(MailStage.End);
        var verdict = await ReplyAsync(client, "the end of a mail", cancellationToken);
        if (verdict.Length == 0 || verdict.StartsWith("421", StringComparison.Ordinal) || verdict.StartsWith(NotKnown, StringComparison.Ordinal))
            mail.NoteUnanswered();
        if (!Agrees(verdict, "250"))
            return false;
        ledger.NoteAcknowledged(mail, StoredMail.QueueIdIn(verdict));
        return true;

        bool Offers(string keyword) => ehlo.Split('\n').Any(line => line.Length > 4 && line[4..].Split(' ')[0] == keyword);
    }

    private async Task StandAsync(MailStage stage)
    {
        if (_standstill is not { } standstill || stage != _standsAt)
            return;
        _standstill = null;
        await standstill.StandAsync();
    }

    // An empty reply is the connection's end.
    private bool Agrees(string reply, string code)
    {
        if (reply.StartsWith(code, StringComparison.Ordinal))
            return true;
        if (reply.StartsWith('4') || reply.Length == 0)
            ledger.NoteRefused(reply.Length == 0 ? "closed" : reply);
        else
            ledger.NoteBreach($"a client was told \"{reply}\" instead of {code}");
        return false;
    }

    private async Task<string> AskAsync(RawSmtpClient client, string octets, CancellationToken cancellationToken)
    {
        await WriteAsync(client, octets, cancellationToken);
        return await ReplyAsync(client, octets.Split('\r')[0], cancellationToken);
    }

    private Task<string> WriteAsync(RawSmtpClient client, string octets, CancellationToken cancellationToken) => InTimeAsync(
        async token => { await client.SendAsync(Encoding.Latin1.GetBytes(octets), token); return ""; }, "to be read", cancellationToken);

    private Task<string> ReplyAsync(RawSmtpClient client, string to, CancellationToken cancellationToken) => InTimeAsync(
        async token =>
        {
            var lines = await client.ReadReplyAsync(token);
            return lines.Count > 0 && lines[^1].IsLast ? string.Join('\n', lines.Select(static line => line.Text)) : "";
        },
        $"for the reply to {to}",
        cancellationToken);

    private async Task<string> InTimeAsync(Func<CancellationToken, Task<string>> act, string what, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        ledger.BeginWait();
        try
        {
            return await act(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            ledger.NoteBreach($"a client was left hanging: it has waited {what} for {Patience.TotalSeconds} s");
            return "";
        }
        finally
        {
            ledger.EndWait();
        }
    }
}
