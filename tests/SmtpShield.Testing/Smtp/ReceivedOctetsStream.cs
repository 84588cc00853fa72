using System.Net.Sockets;
using System.Threading.Channels;

namespace SmtpShield.Testing.Smtp;

/// <summary>A client's connection as a stream: what a reader of the socket has received comes from its channel, what is written goes to the socket.</summary>
/// <param name="socket">The connection.</param>
/// <param name="received">What was received, with the time it came.</param>
internal sealed class ReceivedOctetsStream(Socket socket, ChannelReader<(byte[] Octets, long Time)> received) : Stream
{
    private readonly MemoryStream _held = new();
    private ReadOnlyMemory<byte> _rest;
    private bool _isReleased;

    /// <summary>Keeps what is written behind the first octets received, until <see cref="ReleaseAsync"/>.</summary>
    public bool HoldsAnswers { get; init; }

    /// <summary>Everything was read, and the connection's end too.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>When what was read last had come.</summary>
    public long LastTime { get; private set; }

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
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_rest.IsEmpty)
        {
            if (!await received.WaitToReadAsync(cancellationToken))
            {
                IsAtEnd = true;
                return 0;
            }

            (_rest, LastTime) = await received.ReadAsync(cancellationToken);
        }

        var count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    /// <inheritdoc />
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (HoldsAnswers && !_isReleased && LastTime != 0)
        {
            _held.Write(buffer.Span);
            return;
        }

        await SendAsync(buffer, cancellationToken);
    }

    /// <summary>Sends what was kept, in one write.</summary>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        var held = _held.ToArray();
        _held.SetLength(0);
        _isReleased = true;
        await SendAsync(held, cancellationToken);
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
        // Each write goes to the socket.
    }

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (!buffer.IsEmpty)
                buffer = buffer[await socket.SendAsync(buffer, cancellationToken)..];
        }
        catch (SocketException closed)
        {
            throw new IOException(closed.Message, closed);
        }
    }
}
