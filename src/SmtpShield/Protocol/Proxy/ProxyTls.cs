namespace SmtpShield.Protocol.Proxy;

/// <summary>The TLS session of a client, for the TLV PP2_TYPE_SSL.</summary>
/// <param name="Version">As OpenSSL names it: <c>TLSv1.3</c>.</param>
/// <param name="Cipher">As OpenSSL names it: <c>TLS_AES_256_GCM_SHA384</c>.</param>
internal sealed record ProxyTls(string Version, string Cipher);
