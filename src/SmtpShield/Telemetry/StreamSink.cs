using System.Buffers;

namespace SmtpShield.Telemetry;

/// <summary>Standard output or standard error, for containers and for trying things out.</summary>
/// <remarks>A pipe nobody reads blocks the write, and so one pool thread; sessions go on, and the lines they log are dropped and counted once the queue is full.</remarks>
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
            await stream.WriteAsync(_buffer.WrittenMemory, cancellationToken);
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
