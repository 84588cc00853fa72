namespace SmtpShield.Testing.Dialogues;

/// <summary>One step of a dialogue.</summary>
/// <param name="Client">The client that does it.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Text">What it sends, one character per octet; how the reply it reads must begin on both sides; how many seconds it pauses; or the
/// words behind <c>TLS</c>.</param>
/// <param name="Behind">What a client sends inside TLS in one write with the last of its handshake; null for nothing.</param>
public sealed record DialogueStep(string Client, DialogueStepKind Kind, string Text, string? Behind = null);
