using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using SmtpShield.Options;
using StackExchange.Redis;

namespace SmtpShield.Limits.Shared;

/// <summary>As whom a shield talks to its store.</summary>
/// <param name="User">The user; empty: the default one.</param>
/// <param name="Password">Its password; empty: none.</param>
/// <param name="Authorities">Who may have signed the store's certificate; null: whom the system trusts.</param>
internal sealed record RedisStoreLogin(string User, string Password, X509Certificate2Collection? Authorities)
{
    // An answer that takes longer is none: the next exchange says the same again.
    private const int Timeout = 250;
    private const int ConnectTimeout = 1000;

    // What the library would use, and has no right to.
    private static readonly string[] s_unused = ["CONFIG", "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUBLISH", "SENTINEL"];

    /// <summary>Reads what the options name.</summary>
    /// <exception cref="SharedStoreException">A file can't be read.</exception>
    public static RedisStoreLogin Of(SharingOptions options)
    {
        var password = "";
        if (options.PasswordFile.Length > 0 && PasswordFile.TryRead(options.PasswordFile, out password) is { Length: > 0 } unread)
            throw new SharedStoreException($"{options.PasswordFile}: {unread}");

        X509Certificate2Collection? authorities = null;
        if (options.CAFile.Length > 0 && !CertificateAuthorities.TryRead(options.CAFile, out authorities, out var error))
            throw new SharedStoreException($"{options.CAFile}: {error}");
        return new(options.User, password, authorities);
    }

    /// <summary>The client library's settings.</summary>
    public ConfigurationOptions Configure(SharedStoreAddress address)
    {
        var configuration = new ConfigurationOptions
        {
            AbortOnConnectFail = false,
            AllowAdmin = false,
            AsyncTimeout = Timeout,
            BacklogPolicy = BacklogPolicy.FailFast,
            ClientName = "smtpshield",
            CommandMap = CommandMap.Create(address.IsCluster ? [.. s_unused] : [.. s_unused, "CLUSTER"], available: false),
            ConfigurationChannel = "",
            ConnectTimeout = ConnectTimeout,
            HeartbeatInterval = TimeSpan.FromMilliseconds(Timeout),
            Password = Password.Length > 0 ? Password : null,
            ReconnectRetryPolicy = new LinearRetry(Timeout),
            SetClientLibrary = false,
            Ssl = address.HasTls,
            SyncTimeout = Timeout,
            TieBreaker = "",
            User = User.Length > 0 ? User : null,
        };
        foreach (var node in address.Nodes)
            configuration.EndPoints.Add(node);
        if (Authorities is not null)
            configuration.CertificateValidation += (_, certificate, _, errors) => IsTrusted(certificate, errors);
        return configuration;
    }

    private bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return false;

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(Authorities!);
        using var copy = new X509Certificate2(certificate);
        return chain.Build(copy);
    }
}
