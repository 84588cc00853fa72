using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing.Ledger;

/// <summary>An MTA that keeps each mail it has acknowledged, for a <see cref="MailLedger"/> to be compared with.</summary>
public sealed partial class LedgerSink : IAsyncDisposable
{
    private readonly ScriptedMta _mta = new();
    private readonly ConcurrentQueue<StoredMail> _stored = new();
    private int _queued;

    /// <summary>Serves.</summary>
    public LedgerSink() => _mta.Serve(ServeAsync);

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint => _mta.EndPoint;

    /// <summary>The mails.</summary>
    public IReadOnlyCollection<StoredMail> Stored => _stored;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _mta.DisposeAsync();

    private async Task ServeAsync(MtaConnection connection)
    {
        await SayAsync("220 sink.example.test ESMTP");
        while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
        {
            switch (line.Split(' ')[0].ToUpperInvariant())
            {
                case "EHLO":
                    await SayAsync("250-sink.example.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN");
                    break;
                case "DATA":
                    await SayAsync("354 go on");
                    if (await connection.ReadThroughAsync("\r\n.\r\n", CancellationToken.None) is not { } content)
                        return;
                    var queueId = string.Create(CultureInfo.InvariantCulture, $"Q{Interlocked.Increment(ref _queued)}");
                    var id = MessageId().Match(content).Groups[1].Value;
                    _stored.Enqueue(new(id, queueId, content.EndsWith($"{MailLedger.LastLineOf(id)}\r\n.\r\n", StringComparison.Ordinal)));
                    await SayAsync($"250 2.0.0 Ok: queued as {queueId}");
                    break;
                case "QUIT":
                    await SayAsync("221 2.0.0 Bye");
                    connection.EndSending();
                    return;
                default:
                    await SayAsync("250 2.0.0 Ok");
                    break;
            }
        }

        Task SayAsync(string reply) => connection.SendAsync(reply + "\r\n", CancellationToken.None);
    }

    [GeneratedRegex(@"^Message-Id: <([^>]*)>", RegexOptions.Multiline)]
    private static partial Regex MessageId();
}
