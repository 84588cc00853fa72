using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using SmtpShield.Transport;

namespace SmtpShield.Tls;

/// <summary>
/// A connection's pipes as the stream <see cref="System.Net.Security.SslStream"/> wants. What the input has already buffered is read first; a read of no octets
/// waits without a buffer; a write is over when the kernel has every octet.
/// </summary>
/// <param name="transport">The pipes; never completed here, so that others can go on with them.</param>
internal sealed class DuplexPipeStream(IDuplexPipe transport) : Stream
{
    private readonly PipeReader _input = transport.Input;
    private readonly PipeWriter _output = transport.Output;

    /// <summary>Looks at the socket for what is received; <see langword="null"/> where there is none.</summary>
    public ISocketLook? ReceiveLook => _input as ISocketLook;

    /// <summary>Looks at the socket for what is sent; <see langword="null"/> where there is none.</summary>
    public ISocketLook? SendLook => _output as ISocketLook;

    /// <summary>Sees what the server sends, in either direction, while a handshake is under way.</summary>
    public ServerFlight? Flight { get; set; }

    /// <summary>Whether the server is at this end, so that its flight is what is written.</summary>
    public bool IsServer { get; init; }

    /// <summary>Ends the wait of a write that has no cancellation of its own: that of the <c>close_notify</c>.</summary>
    public CancellationToken LastWrite { get; set; }

    /// <inheritdoc />
    public override bool CanRead => true;

    /// <inheritdoc />
    public override bool CanWrite => true;

    /// <inheritdoc />
    public override bool CanSeek => false;

    /// <inheritdoc />
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc />
    // A pooled method completes inline wherever it is cancelled: who cancels a read of the transport can take its result at once.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var result = await _input.ReadAsync(cancellationToken).ConfigureAwait(false);
        if (Flight is not null)
            await PoolThread.EnterAsync();
        var received = result.Buffer;
        if (received.IsEmpty)
        {
            _input.AdvanceTo(received.Start);
            return result.IsCanceled ? throw new OperationCanceledException("The connection was taken back.") : 0;
        }

        var taken = received.Slice(0, Math.Min(received.Length, buffer.Length));
        taken.CopyTo(buffer.Span);
        _input.AdvanceTo(taken.End);
        if (!IsServer)
            Flight?.Observe(buffer.Span[..(int)taken.Length]);
        return (int)taken.Length;
    }

    /// <inheritdoc />
    /// <remarks>A write that is cancelled has still been given to the kernel; nothing may be written behind it.</remarks>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty)
            return;

        if (IsServer)
            Flight?.Observe(buffer.Span);
        _output.Write(buffer.Span);
        var flush = _output.FlushAsync(CancellationToken.None);
        var result = flush.IsCompletedSuccessfully
            ? flush.Result
            : await flush.AsTask().WaitAsync(cancellationToken.CanBeCanceled ? cancellationToken : LastWrite).ConfigureAwait(false);
        if (result.IsCompleted)
            throw new IOException("The peer has closed the connection.");
    }

    /// <inheritdoc />
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public override void Flush()
    {
        // Each write is a flush.
    }

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();
}
