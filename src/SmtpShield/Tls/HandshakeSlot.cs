namespace SmtpShield.Tls;

/// <summary>The right to begin a handshake. Disposed once by whoever took it; <see cref="TlsServer.AcceptAsync"/> disposes the one it is given.</summary>
internal sealed class HandshakeSlot(HandshakeSlots slots) : IDisposable
{
    private HandshakeSlots? _slots = slots;

    /// <inheritdoc />
    public void Dispose() => Interlocked.Exchange(ref _slots, null)?.Leave();
}
