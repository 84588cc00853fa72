namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Refusals of a shield of which all is seen, other values of its limits in shadow beside those in force: not below 0.98 of one of which nothing is.
/// </summary>
internal sealed class ObservedRefusals()
    : Workload("observed-refused", "refused with other values in shadow, history, metrics read once a second", "refusals", Contender.Shield)
{
    private const string Shadow = "smtpd_client_connection_count_limit=5000, smtpd_client_connection_rate_limit=5, smtpd_client_message_rate_limit=5, "
        + "smtpd_client_recipient_rate_limit=5, smtpd_hard_error_limit=5";

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var limits = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1" };
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, new Dictionary<string, string>(limits) { ["shield_observe"] = "no" });
        await arena.AddObservedShieldAsync(sink, Shadow, limits, cancellationToken);
        return arena;
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        Refusals.RefuseManyAsync(contender, "", cancellationToken);
}
