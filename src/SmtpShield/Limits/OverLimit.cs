namespace SmtpShield.Limits;

/// <summary>Whether a client is over one of its limits. So the <see cref="AnvilTable"/> knows whom not to forget, without knowing limits.</summary>
internal delegate bool OverLimit(in AnvilCounts counts);
