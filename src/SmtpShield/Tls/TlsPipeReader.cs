using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace SmtpShield.Tls;

/// <summary>The decrypted side of a <see cref="TlsTransport"/>: a <see cref="PipeReader"/> whose failures are all <see cref="IOException"/>.</summary>
/// <param name="plain">Reads the stream.</param>
/// <param name="pending">Told of each read.</param>
internal sealed class TlsPipeReader(PipeReader plain, PendingOperations pending) : PipeReader
{
    /// <inheritdoc />
    public override bool TryRead(out ReadResult result) => plain.TryRead(out result);

    /// <inheritdoc />
    /// <exception cref="IOException">The connection broke, or what was received is not TLS.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        pending.Begin();
        try
        {
            return await plain.ReadAsync(cancellationToken).ConfigureAwait(false);
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
    public override void AdvanceTo(SequencePosition consumed) => plain.AdvanceTo(consumed);

    /// <inheritdoc />
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => plain.AdvanceTo(consumed, examined);

    /// <inheritdoc />
    public override void CancelPendingRead() => plain.CancelPendingRead();

    /// <inheritdoc />
    public override void Complete(Exception? exception = null)
    {
        // The buffer goes back with the transport, when nobody can still be looking at it.
    }
}
