namespace SmtpShield.Options;

/// <summary>Which main.cf a running shield has read, and what came of it.</summary>
/// <param name="Configuration">The file, in full.</param>
/// <param name="Digest">The SHA-256 of its text, in hexadecimal.</param>
/// <param name="IsInForce">Whether it is in force; otherwise the earlier one is.</param>
/// <param name="NeedsRestart">Whether where the shield listens has changed, which takes effect after a restart.</param>
/// <param name="Remarks">Errors of one that is not in force; of one that is, names that <c>-o</c> or the environment of the running shield sets, which win over
/// the file.</param>
public sealed record ConfigurationState(string Configuration, string Digest, bool IsInForce, bool NeedsRestart, IReadOnlyList<string> Remarks);
