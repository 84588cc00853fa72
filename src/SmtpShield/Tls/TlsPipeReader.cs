using System.IO.Pipelines;
using SmtpShield.Transport;

namespace SmtpShield.Tls;

/// <summary>The decrypted side of a <see cref="TlsTransport"/>: a <see cref="PipeReader"/> whose failures are all <see cref="IOException"/>.</summary>
/// <param name="plain">Reads the stream.</param>
/// <param name="pending">Told of each read.</param>
/// <param name="socket">Looks at the socket beneath; what arrives there may turn out to be nothing that can be read here.</param>
internal sealed class TlsPipeReader(PipeReader plain, PendingOperations pending, ISocketLook? socket) : PipeReader, ISocketLook
{
    /// <inheritdoc />
    public bool IsReady => socket is { IsReady: true };

    /// <inheritdoc />
    public override bool TryRead(out ReadResult result) => plain.TryRead(out result);

    /// <inheritdoc />
    /// <exception cref="IOException">The connection broke, or what was received is not TLS.</exception>
    /// <remarks>
    /// Not pooled: a session polls it, and may take its result on one thread while another is still completing it. A pooled one would be the next read's by
    /// then, of any session.
    /// </remarks>
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
