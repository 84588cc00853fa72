namespace SmtpShield.Host.Rehearsal;

/// <summary>What attackers do to the shield under rehearsal.</summary>
/// <param name="Name">Its name, as in the project's benchmark where that has it.</param>
/// <param name="Summary">What it is, in a few words.</param>
/// <param name="Unit">What is tried and let through.</param>
/// <param name="Parts">Who does what; all of them at the same time.</param>
internal sealed record RehearsalAttack(string Name, string Summary, string Unit, IReadOnlyList<AttackPart> Parts)
{
    /// <summary>From how many addresses.</summary>
    public int Addresses => Parts.Sum(static part => part.Addresses);

    /// <summary>Connections it holds at the same time, where that is a number of its own; 0: a few.</summary>
    public int Held => Parts.Sum(static part => part.Held);

    /// <summary>Whether it is about time: then time is skipped until the shield has ended all of it.</summary>
    public bool IsHeld => Parts.Any(static part => part.IsHeld);

    /// <summary>As much of it as there can be at a service.</summary>
    /// <returns>Null: nothing.</returns>
    public RehearsalAttack? On(RehearsalStage stage) =>
        Parts.Where(part => part.Suits(stage)).ToList() is { Count: > 0 } parts ? this with { Parts = parts } : null;

    /// <summary>Plays it, to its end.</summary>
    /// <param name="stage">Where.</param>
    /// <param name="tally">How far it got.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task PlayAsync(RehearsalStage stage, AttackTally tally, CancellationToken cancellationToken) =>
        Task.WhenAll(Parts.Select(part => part.PlayAsync(stage, tally, cancellationToken)));
}
