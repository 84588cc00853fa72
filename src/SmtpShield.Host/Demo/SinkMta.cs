using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Hosting;
using SmtpShield.Protocol;

namespace SmtpShield.Host.Demo;

/// <summary>
/// A mail server for <c>smtpshield demo</c> and <c>rehearse</c>, and for nothing else: it accepts messages and throws them away. Recipients called
/// <c>nosuch…</c> don't exist.
/// </summary>
internal sealed class SinkMta(string myHostname) : BackgroundService
{
    private const int LongestLine = 4096;

    private readonly TcpListener _listener = Listen();

    /// <summary>Where it listens: loopback, a free port.</summary>
    public IPEndPoint Endpoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <inheritdoc />
    public override void Dispose()
    {
        _listener.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptSocketAsync(stoppingToken), stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The command ends.
        }
    }

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private async Task ServeAsync(Socket socket, CancellationToken cancellationToken)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        var input = PipeReader.Create(stream);
        try
        {
            var dialogue = new SinkDialogue(myHostname);
            for (string? reply = dialogue.Greeting; reply is not null; reply = await NextReplyAsync(input, dialogue, cancellationToken))
            {
                if (reply.Length > 0)
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(reply), cancellationToken);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The shield has closed the connection, or the command ends.
        }
        finally
        {
            await input.CompleteAsync();
        }
    }

    // Null: the connection is over.
    private static async ValueTask<string?> NextReplyAsync(PipeReader input, SinkDialogue dialogue, CancellationToken cancellationToken)
    {
        while (!dialogue.IsOver)
        {
            var read = await input.ReadAsync(cancellationToken);
            if (dialogue.ChunkLeft > 0 && !read.Buffer.IsEmpty)
            {
                var octets = Math.Min(read.Buffer.Length, dialogue.ChunkLeft);
                input.AdvanceTo(read.Buffer.GetPosition(octets));
                if (dialogue.TakeOfChunk(octets) is { Length: > 0 } reply)
                    return reply;
                continue;
            }

            var status = SmtpLines.TryReadLine(read.Buffer, LongestLine, acceptLf: true, out var line, out var next);
            if (status == LineStatus.Complete)
            {
                var text = Encoding.Latin1.GetString(line.ToArray());
                input.AdvanceTo(next);
                return dialogue.Answer(text);
            }

            input.AdvanceTo(status == LineStatus.TooLong ? read.Buffer.End : read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
                break;
        }

        return null;
    }
}
