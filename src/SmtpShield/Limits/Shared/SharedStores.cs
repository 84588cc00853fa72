using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>Makes a store. Whatever is wrong with it, its calls say.</summary>
/// <param name="address">Where it is.</param>
/// <param name="options">As whom, and with which keys.</param>
internal delegate ISharedStore SharedStores(SharedStoreAddress address, SharingOptions options);
