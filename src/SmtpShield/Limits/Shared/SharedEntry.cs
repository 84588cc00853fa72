namespace SmtpShield.Limits.Shared;

/// <summary>What shields tell each other that holds for a while. Of one key the latest one counts.</summary>
/// <param name="Key">What it is about.</param>
/// <param name="Kind">What it says: one letter.</param>
/// <param name="Age">How long ago it was made.</param>
/// <param name="Left">For how long it holds.</param>
/// <param name="Text">More of it, in printable ASCII.</param>
internal readonly record struct SharedEntry(string Key, char Kind, TimeSpan Age, TimeSpan Left, string Text);
