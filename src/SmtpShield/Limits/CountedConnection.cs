namespace SmtpShield.Limits;

/// <summary>A connection that was counted, and is over.</summary>
/// <param name="Key">Whose it was.</param>
/// <param name="Second">When it was counted, as the table counts.</param>
/// <param name="Open">Connections its client had open then, it included.</param>
/// <param name="MostErrors">The most errors its session had since the last message that was accepted; null: there was no session.</param>
internal readonly record struct CountedConnection(AnvilKey Key, int Second, int Open, int? MostErrors);
