namespace SmtpShield.Host.Rehearsal;

/// <summary>What came of one act: normal traffic alone, or beside an attack.</summary>
/// <param name="Attack">The attack; null: there was none.</param>
/// <param name="Attackers">How far they got.</param>
/// <param name="Normal">What normal clients got.</param>
/// <param name="IsCutOff">Whether the attack was still going on when its time was over.</param>
internal sealed record RehearsalAct(RehearsalAttack? Attack, AttackTally Attackers, RehearsalTally Normal, bool IsCutOff)
{
    /// <summary>The rules that attackers have hit, and how often; those in shadow have <c>(shadow)</c> behind their names.</summary>
    public IReadOnlyDictionary<string, long> StoppedBy { get; init; } = new Dictionary<string, long>();

    /// <summary>What it is called in the report.</summary>
    public string Name => Attack?.Name ?? "none";
}
