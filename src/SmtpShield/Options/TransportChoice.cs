namespace SmtpShield.Options;

/// <summary>What waits for the sockets of clients and MTAs: <c>shield_transport</c>.</summary>
public enum TransportChoice
{
    /// <summary><see cref="Epoll"/> where it is there, else <see cref="Sockets"/>.</summary>
    Auto,

    /// <summary>Loops of our own over epoll(7).</summary>
    Epoll,

    /// <summary>.NET's sockets.</summary>
    Sockets,
}
