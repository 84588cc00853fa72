namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>A call: who, what it knows, and what it counts if it reports that.</summary>
internal sealed record ModelCall(int Owner, int Sequence, int Acknowledged, int Told, int Epoch, int Cursor, bool Reports, int Open, int Rate);

/// <summary>An answer: others' counts are of the client if it was reported, or is news.</summary>
internal sealed record ModelAnswer(bool IsStale, int Epoch, int Told, bool AsksForEverything, int Deaths, int Cursor, bool HasCounts, int Open, int Rate);
