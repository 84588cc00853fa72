using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace SmtpShield.Tls;

/// <summary>The side of a <see cref="TlsTransport"/> that encrypts: a <see cref="PipeWriter"/> whose failures are all <see cref="IOException"/>. A flush is over when the kernel has every octet.</summary>
/// <param name="plain">Writes the stream.</param>
/// <param name="pending">Told of each flush.</param>
internal sealed class TlsPipeWriter(PipeWriter plain, PendingOperations pending) : PipeWriter
{
    /// <inheritdoc />
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc />
    public override long UnflushedBytes => plain.UnflushedBytes;

    /// <inheritdoc />
    public override void Advance(int bytes) => plain.Advance(bytes);

    /// <inheritdoc />
    public override Memory<byte> GetMemory(int sizeHint = 0) => plain.GetMemory(sizeHint);

    /// <inheritdoc />
    public override Span<byte> GetSpan(int sizeHint = 0) => plain.GetSpan(sizeHint);

    /// <inheritdoc />
    /// <exception cref="IOException">The connection broke.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        pending.Begin();
        try
        {
            return await plain.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not (IOException or OperationCanceledException))
        {
            throw new IOException(exception.Message, exception);
        }
        finally
        {
            pending.End();
        }
    }

    /// <inheritdoc />
    public override void CancelPendingFlush() => plain.CancelPendingFlush();

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // What was written and not flushed is never sent; the buffers go back with the transport.
    }
}
