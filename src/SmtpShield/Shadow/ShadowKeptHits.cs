namespace SmtpShield.Shadow;

/// <summary>What a rule would have done to a client, to be kept: seconds are those since 1970.</summary>
/// <param name="Rule">Its place in <see cref="Options.ShadowRules.All"/>.</param>
/// <param name="Most">The most that was counted.</param>
/// <param name="Hits">How often it would have been hit.</param>
/// <param name="Windows">In how many windows.</param>
/// <param name="WindowStart">The second the last of these began in.</param>
/// <param name="LastAt">The second of the last hit.</param>
/// <param name="MessagesAfter">Messages that were accepted behind a hit.</param>
internal readonly record struct ShadowKeptHits(int Rule, int Most, long Hits, long Windows, long WindowStart, long LastAt, long MessagesAfter);
