using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>Makes the store that the options name.</summary>
/// <exception cref="SharedStoreException">A file it needs can't be read.</exception>
internal delegate ISharedStore SharedStores(SharingOptions options);
