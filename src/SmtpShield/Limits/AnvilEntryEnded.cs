namespace SmtpShield.Limits;

/// <summary>The window of an entry is over. Called with its shard locked.</summary>
internal delegate void AnvilEntryEnded(in AnvilEntry entry);
