using System.Buffers;

namespace SmtpShield.Session;

/// <summary>Where output for a peer goes that is gone: it is counted and forgotten, so that what is written may be large and who writes need not ask.</summary>
internal sealed class DiscardedOutput : IBufferWriter<byte>
{
    private const int SmallestBuffer = 512;

    private byte[] _buffer = [];

    /// <summary>Octets written.</summary>
    public long Length { get; private set; }

    /// <inheritdoc />
    public void Advance(int count) => Length += count;

    /// <inheritdoc />
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length < Math.Max(sizeHint, 1))
            _buffer = new byte[Math.Max(sizeHint, SmallestBuffer)];
        return _buffer;
    }

    /// <inheritdoc />
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
