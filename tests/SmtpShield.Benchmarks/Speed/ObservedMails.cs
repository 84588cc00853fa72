namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Mails from smtp-source(1) to smtp-sink(1) through a shield of which all is seen, all its limits in shadow, beside one of which nothing is: not below 0.98 of
/// it is what is expected.
/// </summary>
internal sealed class ObservedMails()
    : Workload("observed", "4 KB mails, a connection for each, 50 at a time; all limits in shadow, history, metrics read once a second", "mails",
        Contender.Shield)
{
    private const int Mails = 5000;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, new Dictionary<string, string> { ["shield_observe"] = "no" });
        await arena.AddObservedShieldAsync(sink, "all", new Dictionary<string, string>(), cancellationToken);
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        new(Mails, await RelayedMails.SendAsync(contender, sessions: 50, Mails, octets: 4096, isKept: false, cancellationToken));
}
