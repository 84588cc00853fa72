namespace SmtpShield.Limits;

/// <summary>A limit has refused a client something, again and again.</summary>
/// <param name="Limit">Which.</param>
/// <param name="Since">The second of the first time, in the table's seconds.</param>
internal readonly record struct LimitOver(ClientLimit Limit, int Since);
