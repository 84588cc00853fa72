namespace SmtpShield.Limits;

/// <summary>Whether a client is over one of a service's limits. So the <see cref="AnvilTable"/> knows whom not to forget, without knowing limits.</summary>
internal delegate bool OverLimit(string service, in AnvilCounts counts);
