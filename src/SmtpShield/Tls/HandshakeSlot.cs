using SmtpShield.Clients;

namespace SmtpShield.Tls;

/// <summary>
/// The right to begin a handshake: one of <see cref="HandshakeSlots"/>' places. Disposed by whoever took it; <see cref="TlsServer.AcceptAsync"/> disposes the
/// one it is given. Until the client's ClientHello is there it can be revoked, for another client's sake.
/// </summary>
/// <param name="slots">Where it is a place.</param>
/// <param name="client">Whose it is.</param>
internal sealed class HandshakeSlot(HandshakeSlots slots, ClientRange client) : IDisposable
{
    /// <summary>Whose it is.</summary>
    public ClientRange Client => client;

    /// <summary>What <see cref="HandshakeSlots"/> knows of it; nobody else's.</summary>
    internal HandshakeSlots.Place Place;

    /// <summary>The handshake begins: from here on the client's silence counts.</summary>
    /// <param name="revoked">Cancelled when the place is taken away.</param>
    /// <returns>False: it has been taken away already.</returns>
    public bool TryBegin(CancellationTokenSource revoked) => slots.TryBegin(this, revoked);

    /// <summary>The whole ClientHello is there: the place is kept to the end of the handshake.</summary>
    public void NoteHello() => slots.NoteHello(this);

    /// <summary>Gives the place back, if it was not taken away. Again: does nothing.</summary>
    public void Dispose() => slots.Leave(this);
}
