namespace SmtpShield.Tls;

/// <summary>How a client's handshake went.</summary>
/// <param name="Transport">The transport to go on with, disposed by who asked for it before the connection is; null when the handshake failed. Why is in the
/// log by then.</param>
/// <param name="IsResumed">An earlier session was resumed: not a new session for <c>smtpd_client_new_tls_session_rate_limit</c>. A failed handshake counts as a
/// new one.</param>
/// <param name="IsLeft">The client has let the handshake fail behind the server's answer, which took its key, or has held a place for as long as it
/// could.</param>
internal readonly record struct TlsHandshake(TlsTransport? Transport, bool IsResumed, bool IsLeft = false)
{
    /// <summary>The handshake failed; the connection can only be closed, after <c>lost connection after STARTTLS</c>.</summary>
    /// <param name="isLeft">See <see cref="IsLeft"/>.</param>
    public static TlsHandshake Failed(bool isLeft) => new(null, false, isLeft);
}
