using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using StackExchange.Redis;

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
    /// <param name="patience">For how long an answer is waited for; null: as a shield does.</param>
    public static RedisStore Open(
        string store, string prefix, ExchangeScript? exchanges = null, ExchangeScript? entries = null, RedisStoreLogin? login = null,
        TimeSpan? patience = null)
    {
        if (SharedStoreAddress.TryRead(store, out var address) is { } wrong)
            throw new ArgumentException(wrong, nameof(store));
        return new(Configure, prefix, exchanges ?? ExchangeScript.Embedded, entries ?? ExchangeScript.Entries);

        ConfigurationOptions Configure()
        {
            var configuration = (login ?? new("", "", null)).Configure(address!);
            if (patience is { } time)
                configuration.AsyncTimeout = (int)time.TotalMilliseconds;
            return configuration;
        }
    }
}
