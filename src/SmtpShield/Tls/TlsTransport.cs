using System.IO.Pipelines;
using System.Net.Security;

namespace SmtpShield.Tls;

/// <summary>
/// A connection's pipes behind TLS. The peer's <c>close_notify</c> and a connection that ends without one both end the input, and nothing that follows is ever
/// read as SMTP. While it waits it holds no read buffer.
/// </summary>
/// <remarks>
/// A read that fails throws <see cref="IOException"/> or <see cref="OperationCanceledException"/>, a flush that fails is completed: as those of the pipes
/// beneath.
/// </remarks>
internal sealed class TlsTransport : IDuplexPipe, IAsyncDisposable
{
    // A peer that reads takes the close_notify at once; only one that does not lets this time pass.
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(1);

    private readonly SslStream _tls;
    private readonly DuplexPipeStream _raw;
    private readonly TimeProvider _time;
    private readonly PendingOperations _pending = new();
    private readonly PipeReader _reader;
    private readonly PipeWriter _writer;
    private int _disposed;

    /// <summary>Takes over a stream whose handshake is over.</summary>
    public TlsTransport(SslStream tls, DuplexPipeStream raw, TlsFacts facts, TimeProvider time)
    {
        _tls = tls;
        _raw = raw;
        _time = time;
        Facts = facts;
        _reader = PipeReader.Create(tls, new(leaveOpen: true, useZeroByteReads: true));
        _writer = PipeWriter.Create(tls, new(leaveOpen: true));
        Input = new TlsPipeReader(_reader, _pending, raw.ReceiveLook);
        Output = new TlsPipeWriter(_writer, _pending, raw.SendLook);
    }

    /// <inheritdoc />
    public PipeReader Input { get; }

    /// <inheritdoc />
    public PipeWriter Output { get; }

    /// <summary>What the handshake agreed on.</summary>
    public TlsFacts Facts { get; }

    /// <summary>
    /// Sends <c>close_notify</c>, for one second at most, and gives everything back but the pipes beneath: no read is under way in them any more, so that
    /// others may read and drop what the peer still sends. Never throws. Nothing may be written to them.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        using var deadline = new CancellationTokenSource(CloseTimeout, _time);
        _reader.CancelPendingRead();
        await using (deadline.Token.UnsafeRegister(static writer => ((PipeWriter)writer!).CancelPendingFlush(), _writer).ConfigureAwait(false))
            await _pending.WhenNoneAsync().ConfigureAwait(false);

        if (!deadline.IsCancellationRequested)
            await SayGoodbyeAsync(deadline.Token).ConfigureAwait(false);
        await _writer.CompleteAsync(new IOException("The connection is closed.")).ConfigureAwait(false);
        await _reader.CompleteAsync().ConfigureAwait(false);
        await _tls.DisposeAsync().ConfigureAwait(false);
    }

    private async Task SayGoodbyeAsync(CancellationToken deadline)
    {
        _raw.LastWrite = deadline;
        try
        {
            await _tls.ShutdownAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The peer is gone, does not read, or has broken TLS (which .NET throws internal types for): there is nobody to say it to.
        }
    }
}
