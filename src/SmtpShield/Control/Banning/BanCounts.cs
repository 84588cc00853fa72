namespace SmtpShield.Control.Banning;

/// <summary>How many bans there are.</summary>
/// <param name="Total">In force.</param>
/// <param name="Manual">Of these, made by hand.</param>
/// <param name="TableSize">How many there may be (<c>shield_ban_table_size</c>).</param>
/// <param name="Suspended">The services at which the shield bans nobody itself now.</param>
internal sealed record BanCounts(int Total, int Manual, int TableSize, IReadOnlyList<string> Suspended)
{
    /// <summary>What is known of the kernel's part; null: no helper feeds it.</summary>
    public KernelReport? Kernel { get; init; }
}
