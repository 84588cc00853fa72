using System.IO.Pipelines;
using SmtpShield.Transport;

namespace SmtpShield.Tls;

/// <summary>
/// The side of a <see cref="TlsTransport"/> that encrypts: a <see cref="PipeWriter"/> that tells of failures as the one beneath does. A flush is over when the
/// kernel has every octet.
/// </summary>
/// <param name="plain">Writes the stream.</param>
/// <param name="pending">Told of each flush.</param>
/// <param name="socket">Looks at the socket beneath.</param>
internal sealed class TlsPipeWriter(PipeWriter plain, PendingOperations pending, ISocketLook? socket) : PipeWriter, ISocketLook
{
    /// <inheritdoc />
    public bool IsReady => socket is { IsReady: true };

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
    /// <remarks>
    /// A result that is completed: the connection broke, nothing can be sent any more. Not pooled: a session polls it, and may take its result on one thread
    /// while another is still completing it. A pooled one would be the next flush's by then, of any session.
    /// </remarks>
    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        pending.Begin();
        try
        {
            return await plain.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return new(isCanceled: false, isCompleted: true);
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
