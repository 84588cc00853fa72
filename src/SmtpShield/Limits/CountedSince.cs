namespace SmtpShield.Limits;

/// <summary>What one process of a hand-over has counted of a client since then.</summary>
/// <param name="Counted">The sums.</param>
/// <param name="Open">Connections it has there now; null: that is no matter of the other one's.</param>
internal readonly record struct CountedSince(AnvilEventCounts Counted, int? Open);
