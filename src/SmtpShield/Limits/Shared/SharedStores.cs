using System.Security.Cryptography.X509Certificates;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>Makes the store that the options name.</summary>
/// <exception cref="SharedStoreException">A file it needs can't be read.</exception>
internal delegate ISharedStore SharedStores(SharingOptions options);

/// <summary>The stores there are.</summary>
internal static class SharedStoreKinds
{
    /// <summary>Redis or Valkey.</summary>
    /// <inheritdoc cref="SharedStores"/>
    public static ISharedStore Make(SharingOptions options)
    {
        if (SharedStoreAddress.TryRead(options.Store, out var address) is { } wrong)
            throw new SharedStoreException(wrong);

        var password = "";
        if (options.PasswordFile.Length > 0 && PasswordFile.TryRead(options.PasswordFile, out password) is { Length: > 0 } unread)
            throw new SharedStoreException($"{options.PasswordFile}: {unread}");

        X509Certificate2Collection? authorities = null;
        if (options.CAFile.Length > 0 && !CertificateAuthorities.TryRead(options.CAFile, out authorities, out var error))
            throw new SharedStoreException($"{options.CAFile}: {error}");
        return new RedisStore(address!, new(options.User, password, authorities), options.Prefix, ExchangeScript.Embedded);
    }
}
