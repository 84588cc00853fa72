namespace SmtpShield.Limits;

/// <summary>What anvil answers to an event: numbers that include it. Judging them is the policies' part.</summary>
/// <param name="ConnectionCount">Connections the client has open.</param>
/// <param name="ConnectionRate">Connections it made in the current window.</param>
internal readonly record struct AnvilCounts(int ConnectionCount, int ConnectionRate);
