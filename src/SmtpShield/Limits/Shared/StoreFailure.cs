namespace SmtpShield.Limits.Shared;

/// <summary>Why a store can't be used.</summary>
/// <param name="Kind">What to mend.</param>
/// <param name="Reason">What the system, the client library or the store has said.</param>
internal sealed record StoreFailure(StoreFailureKind Kind, string Reason);

/// <summary>What there is to mend when a store can't be used.</summary>
internal enum StoreFailureKind
{
    /// <summary>A file that the shield needs can't be read.</summary>
    File,

    /// <summary>Nobody listens there, or the way is blocked.</summary>
    Unreachable,

    /// <summary>Somebody listens, who does not talk as a Redis does: it has TLS, or has none.</summary>
    Silent,

    /// <summary>The certificate is not one that is trusted.</summary>
    Certificate,

    /// <summary>The user or the password.</summary>
    Login,

    /// <summary>The user lacks a right.</summary>
    Rights,

    /// <summary>It is a replica, and takes no writes.</summary>
    Replica,

    /// <summary>It is a Redis Cluster, and called as if it were none.</summary>
    Cluster,

    /// <summary>What the store says of itself.</summary>
    Store,
}
