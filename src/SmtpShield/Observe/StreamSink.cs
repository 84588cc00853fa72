using System.Buffers;

namespace SmtpShield.Observe;

/// <summary>Standard output or standard error, for containers and for trying things out.</summary>
/// <remarks>
/// A pipe nobody reads blocks the write, and so one pool thread, not that of the writer, which can go on with another sink; sessions go on, and the lines they
/// log are dropped and counted once the queue is full.
/// </remarks>
internal sealed class StreamSink(Stream stream, MaillogFormatter formatter) : IMaillogSink
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <inheritdoc/>
    public async ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
    {
        _buffer.ResetWrittenCount();
        _buffer.WriteLines(lines.Span, formatter);
        try
        {
            var text = _buffer.WrittenMemory;
            await Task.Run(() => stream.Write(text.Span), CancellationToken.None).WaitAsync(cancellationToken);
            return lines.Length;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();
}
