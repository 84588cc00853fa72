using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Mails from smtp-source(1) to smtp-sink(1) through a shield that counts together with others over a Redis, beside one that counts alone, with a limit on
/// everything: not below 0.97 of it is what is expected, and 0.85 where each event waits for the store.
/// </summary>
internal sealed class SharedMails()
    : Workload("shared", "4 KB mails, a connection for each, 64 at a time; counted together with other shields", "mails", Contender.Shield)
{
    /// <summary>Limits on all that mails are counted by, which nobody reaches.</summary>
    public static readonly Dictionary<string, string> Limits = new()
    {
        ["smtpd_client_connection_rate_limit"] = "1000000",
        ["smtpd_client_message_rate_limit"] = "1000000",
        ["smtpd_client_recipient_rate_limit"] = "1000000",
    };

    private const int Mails = 5000;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        var redis = arena.Keep(await RedisInstance.StartAsync(cancellationToken));
        await arena.AddShieldAsync(sink, cancellationToken, Limits);
        await arena.AddShieldAsync(sink, cancellationToken, Over(redis.Address, "async"), Contender.Shared);
        await arena.AddShieldAsync(sink, cancellationToken, Over(redis.Address, "strict"), Contender.Strict);
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        new(Mails, await RelayedMails.SendAsync(contender, sessions: 64, Mails, octets: 4096, isKept: false, cancellationToken));

    /// <summary>The same limits over a store; each shield is a farm of its own, so that one alone is measured.</summary>
    public static Dictionary<string, string> Over(string store, string mode) => new(Limits)
    {
        ["shield_shared_store"] = store, ["shield_shared_mode"] = mode, ["shield_shared_prefix"] = mode,
    };
}
