namespace SmtpShield.Clients;

/// <summary>What the name service says of an address.</summary>
/// <param name="Name">Its name; empty if there is none or nobody answers.</param>
/// <param name="IsTemporary">Whether there may be one the next time.</param>
internal readonly record struct NameAnswer(string Name, bool IsTemporary = false);
