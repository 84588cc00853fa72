using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Testing.Sharing;

/// <summary>Stores in a real Redis, as a shield opens them.</summary>
internal static class RedisStores
{
    /// <summary>Opens one.</summary>
    /// <param name="store">Its address, as one of <c>shield_shared_store</c>.</param>
    /// <param name="prefix">The farm.</param>
    /// <param name="exchanges">The script of exchanges; null: the program's.</param>
    /// <param name="entries">That of entries; null: the program's.</param>
    /// <param name="login">As whom; null: as nobody.</param>
    public static RedisStore Open(
        string store, string prefix, ExchangeScript? exchanges = null, ExchangeScript? entries = null, RedisStoreLogin? login = null)
    {
        if (SharedStoreAddress.TryRead(store, out var address) is { } wrong)
            throw new ArgumentException(wrong, nameof(store));
        return new(() => (login ?? new("", "", null)).Configure(address!), prefix, exchanges ?? ExchangeScript.Embedded, entries ?? ExchangeScript.Entries);
    }
}
