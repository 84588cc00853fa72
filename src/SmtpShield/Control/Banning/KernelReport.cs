namespace SmtpShield.Control.Banning;

/// <summary>What is known of the kernel's part in bans, from the helper that feeds it.</summary>
/// <param name="Process">The helper's process id.</param>
/// <param name="Heard">When it was heard of last.</param>
/// <param name="Away">Whether that is too long ago: it says so each five seconds.</param>
/// <param name="MinLevel">The level from which on automatic bans are dropped.</param>
/// <param name="Wanted">Bans the kernel should carry out.</param>
/// <param name="Auto">Automatic ones it does carry out, as far as is known: none while the helper is away.</param>
/// <param name="Manual">Those by hand.</param>
/// <param name="Owner">Whether nobody but the helper can change what the kernel was told.</param>
internal sealed record KernelReport(int Process, DateTimeOffset Heard, bool Away, int MinLevel, int Wanted, int Auto, int Manual, bool Owner)
{
    /// <summary>Why it drops nobody, though it should; null: it does.</summary>
    public string? Why { get; init; }
}
