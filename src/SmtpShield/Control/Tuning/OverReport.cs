namespace SmtpShield.Control.Tuning;

/// <summary>Who is over a limit now: who would be refused what it does next.</summary>
/// <param name="Clients">How many clients.</param>
/// <param name="Deliver">How many of them have had a message accepted within a day.</param>
/// <param name="Named">The first of them, those that deliver mail before others, then those with the largest counts.</param>
/// <param name="Truncated">Whether there are more than are named.</param>
internal sealed record OverReport(int Clients, int Deliver, IReadOnlyList<OverClient> Named, bool Truncated);
