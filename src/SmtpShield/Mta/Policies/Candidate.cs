namespace SmtpShield.Mta.Policies;

/// <summary>A destination that may be chosen.</summary>
/// <param name="Name">As configured.</param>
/// <param name="Order">Its place in <c>shield_upstream</c>.</param>
/// <param name="Weight">How often it is written there.</param>
/// <param name="Sessions">Sessions it has now.</param>
internal readonly record struct Candidate(string Name, int Order, int Weight, int Sessions);
