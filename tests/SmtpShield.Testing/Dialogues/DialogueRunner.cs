using System.Globalization;
using System.Net;
using System.Security.Authentication;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing.Dialogues;

/// <summary>Plays a dialogue with a server and writes down what its clients see.</summary>
public sealed class DialogueRunner : IAsyncDisposable
{
    private static readonly Lock s_standing = new();

    private readonly Dictionary<string, RawSmtpClient> _clients = [];
    private readonly Dictionary<string, string> _serverNames = [];
    private readonly List<TranscriptEntry> _entries = [];
    private readonly DialogueFile _dialogue;
    private readonly IPEndPoint _server;
    private readonly MailLog _log;
    private readonly DialogueWrites _writes;
    private readonly ClientNetwork _network;
    private readonly Func<IEnumerable<int>> _accepting;
    private int _ended;

    private DialogueRunner(DialogueFile dialogue, IPEndPoint server, MailLog log, DialogueWrites writes, ClientNetwork network,
        Func<IEnumerable<int>> accepting)
    {
        _dialogue = dialogue;
        _server = server;
        _log = log;
        _writes = writes;
        _network = network;
        _accepting = accepting;
    }

    /// <summary>Plays a dialogue.</summary>
    /// <param name="dialogue">The dialogue.</param>
    /// <param name="server">The server that enforces its limits.</param>
    /// <param name="log">What that server logs; nothing about these clients may be in it yet.</param>
    /// <param name="writes">How what is sent is cut into writes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="network">Where the clients connect from, when it isn't the network the dialogue is written with.</param>
    /// <param name="accepting">The processes that may take the connection: they stand still until a client that talks before the greeting has done so.</param>
    public static async Task<Transcript> RunAsync(
        DialogueFile dialogue, IPEndPoint server, MailLog log, DialogueWrites writes, CancellationToken cancellationToken, ClientNetwork? network = null,
        Func<IEnumerable<int>>? accepting = null)
    {
        await using var runner = new DialogueRunner(dialogue, server, log, writes, network ?? ClientNetwork.AsWritten, accepting ?? (() => []));
        try
        {
            foreach (var step in dialogue.Steps)
                await runner.DoAsync(step, cancellationToken);
            foreach (var client in runner._clients.Keys.ToArray())
                await runner.LeaveAsync(client, reset: false, cancellationToken);
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            throw new InvalidOperationException(
                $"{dialogue.Name}: {problem.Message}\nso far:\n{string.Join('\n', runner._entries)}\n{string.Join('\n', log.Texts)}", problem);
        }
        var lines = log.SessionLines;
        return new Transcript(
            [.. runner._entries.Select(entry => entry with { Text = runner._network.Restore(entry.Text) })],
            Restored(dialogue.HasOneClient ? lines : lines.Order(StringComparer.Ordinal)),
            Restored(log.Rejects));

        IReadOnlyList<string> Restored(IEnumerable<string> texts) => [.. texts.Select(runner._network.Restore)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients.Values)
            await client.DisposeAsync();
    }

    private async Task DoAsync(DialogueStep step, CancellationToken cancellationToken)
    {
        if (!_clients.ContainsKey(step.Client) && step.Kind == DialogueStepKind.Send)
        {
            ConnectAndSend(step);
            return;
        }
        if (!_clients.TryGetValue(step.Client, out var client))
            _clients[step.Client] = client = await RawSmtpClient.ConnectAsync(_server, _network.AddressOf(_dialogue.AddressOf(step.Client)), cancellationToken);
        switch (step.Kind)
        {
            case DialogueStepKind.Send:
                await SendAsync(client, step.Text, cancellationToken);
                break;
            case DialogueStepKind.Pause:
                await Task.Delay(TimeSpan.FromSeconds(double.Parse(step.Text, CultureInfo.InvariantCulture)), TimeProvider.System, cancellationToken);
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
            case DialogueStepKind.StartTls:
                await StartTlsAsync(step, client, cancellationToken);
                break;
            case DialogueStepKind.EndTls:
                await client.EndTlsAsync();
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

    private void ConnectAndSend(DialogueStep step)
    {
        // One at a time: who lets the processes go on does not do so while another one needs them to stand still.
        lock (s_standing)
        {
            int[] stopped = [.. _accepting()];
            try
            {
                foreach (var process in stopped)
                    OutsideProcess.StandStill(process);
                _clients[step.Client] = RawSmtpClient.ConnectAndSend(_server, _network.AddressOf(_dialogue.AddressOf(step.Client)),
                    Encoding.Latin1.GetBytes(step.Text));
            }
            finally
            {
                foreach (var process in stopped)
                    OutsideProcess.Signal(process, OutsideProcess.Continue);
            }
        }
    }

    private async Task SendAsync(RawSmtpClient client, string text, CancellationToken cancellationToken)
    {
        var isFirst = true;
        foreach (var octets in _writes.Of(Encoding.Latin1.GetBytes(text)))
        {
            if (!isFirst && _writes.Pause > TimeSpan.Zero)
                await Task.Delay(_writes.Pause, TimeProvider.System, cancellationToken);
            isFirst = false;
            await client.SendAsync(octets, cancellationToken);
        }
    }

    // .NET keeps tickets by server name. A name nobody has asked for yet makes a new session, and one that is asked for again resumes the client's last one.
    private async Task StartTlsAsync(DialogueStep step, RawSmtpClient client, CancellationToken cancellationToken)
    {
        var words = step.Text.Split(' ');
        var name = words.FirstOrDefault(word => word.StartsWith("sni=", StringComparison.Ordinal))?[4..];
        var mayResume = _dialogue.Steps.Any(other => other.Kind == DialogueStepKind.StartTls && other.Text.StartsWith("resume", StringComparison.Ordinal));
        if (mayResume)
            name = words[0] == "resume" ? _serverNames[step.Client] : _serverNames[step.Client] = $"{Guid.NewGuid():N}.example";
        var version = await client.StartTlsAsync(cancellationToken, name, words.Contains("1.2") ? SslProtocols.Tls12 : SslProtocols.None, mayResume,
            step.Behind is null ? null : Encoding.Latin1.GetBytes(step.Behind));
        _entries.Add(new TranscriptEntry(step.Client, $"({version?.ToString() ?? "no TLS"})", 0));
    }

    private async Task ReadAsync(DialogueStep step, RawSmtpClient client, CancellationToken cancellationToken)
    {
        var lines = await client.ReadReplyAsync(cancellationToken);
        _entries.AddRange(lines.Select(line => TranscriptEntry.From(step.Client, line.Text, line.Delay)));
        if (lines.Count == 0 || !lines[^1].IsLast)
            _entries.Add(new TranscriptEntry(step.Client, "(closed)", 0));
        var last = lines.Count == 0 ? "(closed)" : lines[^1].Text;
        if (!_network.Restore(last).StartsWith(step.Text, StringComparison.Ordinal))
            throw new InvalidOperationException($"the dialogue expects {step.Text} but {last} came");
    }

    // Waits until the server has noticed, so that what the next step sees doesn't depend on who is faster.
    private async Task LeaveAsync(string name, bool reset, CancellationToken cancellationToken)
    {
        var client = _clients[name];
        _clients.Remove(name);

        // Who resets reads nothing more: how much has come by then depends on who is faster.
        if (!reset && client.Unread() is { Length: > 0 } unread)
            _entries.Add(new TranscriptEntry(name, "(not read) " + unread, 0));
        await client.VanishAsync(reset);
        await _log.WaitForDisconnectsAsync(++_ended, cancellationToken);
    }
}
