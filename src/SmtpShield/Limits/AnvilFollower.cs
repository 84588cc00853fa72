namespace SmtpShield.Limits;

/// <summary>Is told what is counted.</summary>
/// <param name="key">Of which client.</param>
/// <param name="counted">The index of it in <see cref="AnvilEventCounts"/>; below 0: the end of a connection.</param>
/// <param name="open">Connections the client has open now.</param>
internal delegate void AnvilFollower(in AnvilKey key, int counted, int open);
