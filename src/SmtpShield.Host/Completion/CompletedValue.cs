namespace SmtpShield.Host.Completion;

/// <summary>What can stand in a place.</summary>
/// <param name="Kind">Where a shell finds it.</param>
/// <param name="Words">The words.</param>
internal sealed record CompletedValue(CompletedKind Kind, IReadOnlyList<string> Words)
{
    /// <summary>Nobody can know what.</summary>
    public static readonly CompletedValue Nothing = new(CompletedKind.Words, []);

    /// <summary>A file.</summary>
    public static readonly CompletedValue Files = new(CompletedKind.Files, []);

    /// <summary>A service.</summary>
    public static readonly CompletedValue Services = new(CompletedKind.Services, []);
}
