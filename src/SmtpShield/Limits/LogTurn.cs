namespace SmtpShield.Limits;

/// <summary>What the table says of an event that is to be logged.</summary>
/// <param name="IsWithin">Whether the client's budget for its kind has room for it. Clients without a record have no budget, and room.</param>
/// <param name="IsFirst">Whether it is the client's first of all kinds in this minute.</param>
/// <param name="SecondsLeft">Until the minute is over.</param>
internal readonly record struct LogTurn(bool IsWithin, bool IsFirst, int SecondsLeft);
