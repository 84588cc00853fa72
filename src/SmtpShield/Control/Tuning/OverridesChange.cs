using SmtpShield.Options;

namespace SmtpShield.Control.Tuning;

/// <summary>What a change of overrides came to.</summary>
/// <param name="Revision">Of the configuration that is in force now.</param>
/// <param name="List">What is set, or would be.</param>
/// <param name="Options">The options with it.</param>
/// <param name="Before">The parameters it was about, before it.</param>
/// <param name="After">And behind it.</param>
/// <param name="IsSaved">Whether the disk has it, where anything is kept.</param>
internal sealed record OverridesChange(
    int Revision, OverrideList List, ShieldOptions Options, IReadOnlyList<ParameterView> Before, IReadOnlyList<ParameterView> After, bool IsSaved);
