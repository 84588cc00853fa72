namespace SmtpShield.Limits.Shared;

/// <summary>What other shields count of a client, to be looked at.</summary>
/// <param name="Counts">Their sum.</param>
/// <param name="Age">Whole seconds since it was heard.</param>
internal readonly record struct OthersCounts(AnvilCounts Counts, int Age);
