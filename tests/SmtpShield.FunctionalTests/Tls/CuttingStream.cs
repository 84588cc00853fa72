namespace SmtpShield.FunctionalTests.Tls;

/// <summary>Sends the first octets of each write, and the rest of the last one when it is told to.</summary>
internal sealed class CuttingStream(Stream inner) : Stream
{
    private byte[] _rest = [];

    /// <summary>How many octets of a write are sent.</summary>
    public int CutAt { get; set; } = int.MaxValue;

    /// <summary>How many writes are sent whole before the first one is cut.</summary>
    public int WholeWrites { get; set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Sends what the last write has kept.</summary>
    public ValueTask SendRestAsync(CancellationToken cancellationToken) => inner.WriteAsync(_rest, cancellationToken);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var cut = WholeWrites-- > 0 ? buffer.Length : Math.Min(CutAt, buffer.Length);
        _rest = buffer[cut..].ToArray();
        await inner.WriteAsync(buffer[..cut], cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        inner.ReadAsync(buffer, offset, count, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
