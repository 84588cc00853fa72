namespace SmtpShield.Host.Rehearsal;

/// <summary>How much the normal clients do, each within one <c>anvil_rate_time_unit</c>.</summary>
internal sealed record RehearsalScale
{
    /// <summary>Clients of each kind without an attack; during one it is a fifth of them.</summary>
    /// <value>1 to 100.</value>
    public int Clients { get; init; } = 10;

    /// <summary>Mails of a <c>sender</c>, each on a connection of its own, one after the other.</summary>
    /// <value>1 to 1000.</value>
    public int Mails { get; init; } = 5;

    /// <summary>Connections a <c>partner</c> has open at the same time, with a mail on each.</summary>
    /// <value>1 to 50.</value>
    public int AtOnce { get; init; } = 5;

    /// <summary>Recipients of a <c>list</c>'s mail, on one connection, in messages to 50.</summary>
    /// <value>1 to 10,000.</value>
    public int Recipients { get; init; } = 200;

    /// <summary>The same with a fifth of the clients.</summary>
    public RehearsalScale DuringAttack => this with { Clients = Math.Max(1, Clients / 5) };
}
