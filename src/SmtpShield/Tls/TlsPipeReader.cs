using System.IO.Pipelines;
using SmtpShield.Transport;

namespace SmtpShield.Tls;

/// <summary>The decrypted side of a <see cref="TlsTransport"/>: a <see cref="PipeReader"/> whose failures are all <see cref="IOException"/>.</summary>
/// <param name="plain">Reads the stream.</param>
/// <param name="pending">Told of each read.</param>
/// <param name="socket">Looks at the socket beneath; what arrives there may turn out to be nothing that can be read here.</param>
internal sealed class TlsPipeReader(PipeReader plain, PendingOperations pending, ISocketLook? socket) : PipeReader, ISocketLook
{
    private const string UnderWay = "Another read is under way.";

    private int _isReading;

    /// <inheritdoc />
    public bool IsReady => socket is { IsReady: true };

    /// <inheritdoc />
    /// <exception cref="IOException">A read is still under way.</exception>
    public override bool TryRead(out ReadResult result)
    {
        if (Volatile.Read(ref _isReading) != 0)
            throw new IOException(UnderWay);
        return plain.TryRead(out result);
    }

    /// <inheritdoc />
    /// <exception cref="IOException">The connection broke, what was received is not TLS, or a read is still under way.</exception>
    /// <remarks>
    /// Not pooled: a session polls it, and may take its result on one thread while another is still completing it. A pooled one would be the next read's by
    /// then, of any session.
    /// </remarks>
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        // The stream's reader does not look: two reads would share a buffer, and one give it back while the other decrypts into it.
        if (Interlocked.Exchange(ref _isReading, 1) != 0)
            throw new IOException(UnderWay);
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
            Volatile.Write(ref _isReading, 0);
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
