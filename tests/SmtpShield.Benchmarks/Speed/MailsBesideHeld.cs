namespace SmtpShield.Benchmarks.Speed;

/// <summary>Mails of a shield that also holds idle sessions, beside one that holds none: 0.9 at least is expected.</summary>
internal sealed class MailsBesideHeld() : Workload("held", "one, of a shield that holds 8,000 idle sessions", "mails", Contender.Shield)
{
    // With the sockets of the load, and those of this program, below an ordinary ulimit -n of 20,000.
    private const int Sessions = 8000;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var parameters = new Dictionary<string, string> { ["default_process_limit"] = "9000", ["smtpd_timeout"] = "3600s" };
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, parameters);
        var shield = await arena.AddShieldAsync(sink, cancellationToken, parameters, Contender.Held);
        arena.Keep(await Clients.HoldAsync(shield.EndPoint, Sessions, cancellationToken));
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        const int Mails = 5000;
        return new(Mails, await RelayedMails.SendAsync(contender, sessions: 50, Mails, octets: 4096, isKept: false, cancellationToken));
    }
}
