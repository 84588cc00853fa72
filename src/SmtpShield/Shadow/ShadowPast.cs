namespace SmtpShield.Shadow;

/// <summary>What one rule would have done to one client.</summary>
/// <param name="Rule">The rule's place in <see cref="Options.ShadowRules.All"/>.</param>
/// <param name="Most">The most that was counted.</param>
/// <param name="Hits">How often it would have been hit.</param>
/// <param name="Windows">In how many windows.</param>
/// <param name="MessagesAfter">Messages that were accepted behind a hit.</param>
/// <param name="LastSecond">The second of the last hit.</param>
internal readonly record struct ShadowPast(int Rule, int Most, long Hits, long Windows, long MessagesAfter, int LastSecond);
