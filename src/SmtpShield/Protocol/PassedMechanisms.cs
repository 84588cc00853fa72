namespace SmtpShield.Protocol;

/// <summary>Which SASL mechanisms a session lets pass.</summary>
internal enum PassedMechanisms : byte
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>Those that leave the session readable: none that may put a security layer around what follows (RFC 4422 section 3.7).</summary>
    Readable,

    /// <summary>
    /// Of these, those that work when the client's TLS ends here: none with channel binding or a client certificate (RFC 5802 section 6, RFC 4422 appendix A).
    /// </summary>
    ReadableAndUnbound,
}
