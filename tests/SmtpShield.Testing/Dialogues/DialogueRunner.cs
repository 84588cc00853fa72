using System.Net;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing.Dialogues;

/// <summary>Plays a dialogue with a server and writes down what its clients see.</summary>
public sealed class DialogueRunner : IAsyncDisposable
{
    private readonly Dictionary<string, RawSmtpClient> _clients = [];
    private readonly List<TranscriptEntry> _entries = [];
    private readonly DialogueFile _dialogue;
    private readonly IPEndPoint _server;
    private readonly MailLog _log;
    private readonly bool _split;
    private int _ended;

    private DialogueRunner(DialogueFile dialogue, IPEndPoint server, MailLog log, bool split)
    {
        _dialogue = dialogue;
        _server = server;
        _log = log;
        _split = split;
    }

    /// <summary>Plays a dialogue.</summary>
    /// <param name="dialogue">The dialogue.</param>
    /// <param name="server">The server that enforces its limits.</param>
    /// <param name="log">What that server logs; nothing may be in it yet.</param>
    /// <param name="split">Whether to send each octet in a write of its own.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Transcript> RunAsync(DialogueFile dialogue, IPEndPoint server, MailLog log, bool split, CancellationToken cancellationToken)
    {
        await using var runner = new DialogueRunner(dialogue, server, log, split);
        try
        {
            foreach (var step in dialogue.Steps)
                await runner.DoAsync(step, cancellationToken);
            foreach (var client in runner._clients.Keys.ToArray())
                await runner.LeaveAsync(client, reset: false, cancellationToken);
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            throw new InvalidOperationException($"{dialogue.Name}: {problem.Message}\nso far:\n{string.Join('\n', runner._entries)}\n{string.Join('\n', log.Texts)}", problem);
        }
        var lines = log.SessionLines;
        return new Transcript(runner._entries, dialogue.HasOneClient ? lines : [.. lines.Order(StringComparer.Ordinal)], log.Rejects);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients.Values)
            await client.DisposeAsync();
    }

    private async Task DoAsync(DialogueStep step, CancellationToken cancellationToken)
    {
        if (!_clients.TryGetValue(step.Client, out var client))
            _clients[step.Client] = client = await RawSmtpClient.ConnectAsync(_server, _dialogue.AddressOf(step.Client), cancellationToken);
        switch (step.Kind)
        {
            case DialogueStepKind.Send:
                foreach (var octets in Writes(step.Text))
                    await client.SendAsync(octets, cancellationToken);
                break;
            case DialogueStepKind.Read:
                await ReadAsync(step, client, cancellationToken);
                break;
            case DialogueStepKind.ExpectClose:
                while (await client.ReadLineAsync(cancellationToken) is { } line)
                    _entries.Add(TranscriptEntry.From(step.Client, line.Text, line.Delay));
                _entries.Add(new TranscriptEntry(step.Client, "(closed)", 0));
                await LeaveAsync(step.Client, reset: false, cancellationToken);
                break;
            case DialogueStepKind.HalfClose:
                client.EndSending();
                break;
            case DialogueStepKind.Close:
                await LeaveAsync(step.Client, reset: false, cancellationToken);
                break;
            case DialogueStepKind.Reset:
                await LeaveAsync(step.Client, reset: true, cancellationToken);
                break;
        }
    }

    private IEnumerable<byte[]> Writes(string text)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        return _split ? octets.Chunk(1) : [octets];
    }

    private async Task ReadAsync(DialogueStep step, RawSmtpClient client, CancellationToken cancellationToken)
    {
        var lines = await client.ReadReplyAsync(cancellationToken);
        _entries.AddRange(lines.Select(line => TranscriptEntry.From(step.Client, line.Text, line.Delay)));
        if (lines.Count == 0 || !lines[^1].IsLast)
            _entries.Add(new TranscriptEntry(step.Client, "(closed)", 0));
        var last = lines.Count == 0 ? "(closed)" : lines[^1].Text;
        if (!last.StartsWith(step.Text, StringComparison.Ordinal))
            throw new InvalidOperationException($"the dialogue expects {step.Text} but {last} came");
    }

    // Waits until the server has noticed, so that what the next step sees doesn't depend on who is faster.
    private async Task LeaveAsync(string name, bool reset, CancellationToken cancellationToken)
    {
        var client = _clients[name];
        _clients.Remove(name);
        if (client.Unread() is { Length: > 0 } unread)
            _entries.Add(new TranscriptEntry(name, "(not read) " + unread, 0));
        await client.VanishAsync(reset);
        await _log.WaitForDisconnectsAsync(++_ended, cancellationToken);
    }
}
