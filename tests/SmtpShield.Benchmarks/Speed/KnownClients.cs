namespace SmtpShield.Benchmarks.Speed;

/// <summary>Mails, or refusals, of a shield whose table has many clients, beside one that has hardly any: 0.9 at least is expected.</summary>
/// <param name="name">The workload's name.</param>
/// <param name="isRefused">Whether it refuses.</param>
internal sealed class KnownClients(string name, bool isRefused) : Workload(
    name, $"{(isRefused ? "refused" : "one")}, of a shield that knows 10,000 and 1,000,000 clients", isRefused ? "refusals" : "mails", Contender.Shield)
{
    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var parameters = new Dictionary<string, string>
        {
            // Nobody is forgotten meanwhile, and there is room for those that come.
            ["anvil_rate_time_unit"] = "3600s", ["shield_client_table_size"] = "1100000",
        };
        if (isRefused)
            parameters["smtpd_client_connection_rate_limit"] = "1";
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, parameters);
        foreach (var (way, clients) in (IEnumerable<(string, int)>)[(Contender.Known10000, 10_000), (Contender.Known1000000, 1_000_000)])
        {
            var shield = await arena.AddShieldAsync(sink, cancellationToken, parameters, way);
            await Clients.VisitAsync(shield.EndPoint, clients, cancellationToken);
        }

        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        const int Mails = 5000;
        return isRefused
            ? await Refusals.RefuseManyAsync(contender, "", cancellationToken)
            : new(Mails, await RelayedMails.SendAsync(contender, sessions: 50, Mails, octets: 4096, isKept: false, cancellationToken));
    }
}
