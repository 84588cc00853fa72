namespace SmtpShield.Tls;

/// <summary>All certificates of a service: one immutable value, replaced whole. Handshakes go on with the one they began with.</summary>
/// <param name="Default">For clients that ask for no name or an unknown one; null when the service has no certificate.</param>
/// <param name="Sessions">Which sessions can be resumed.</param>
/// <param name="ByName">For names clients ask for, in lower case; a name that begins with a dot is for everything below it.</param>
internal sealed record CertificateSet(ServerCertificate? Default, SessionScope Sessions, IReadOnlyDictionary<string, ServerCertificate> ByName)
{
    /// <summary>No certificate.</summary>
    public static CertificateSet None(SessionScope sessions) => new(null, sessions, new Dictionary<string, ServerCertificate>());

    /// <summary>Whether there are certificates for names.</summary>
    public bool HasNames => ByName.Count > 0;

    /// <summary>All certificates, each once.</summary>
    public IEnumerable<ServerCertificate> All => ByName.Values.Prepend(Default).OfType<ServerCertificate>().Distinct();

    /// <summary>The certificate for a name, or for the nearest domain it is below.</summary>
    /// <returns>Null: the default is used.</returns>
    /// <remarks>Postfix <c>server_sni_callback()</c> in <c>tls/tls_misc.c</c>: the name itself, then from each of its dots on.</remarks>
    public ServerCertificate? Find(string name)
    {
        if (!HasNames)
            return null;

#pragma warning disable CA1308 // Postfix's tables are looked up in lower case.
        var key = name.ToLowerInvariant();
#pragma warning restore CA1308
        for (var start = 0; start >= 0; start = key.IndexOf('.', start + 1))
        {
            if (ByName.TryGetValue(key[start..], out var certificate))
                return certificate;
        }

        return null;
    }
}
