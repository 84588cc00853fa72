namespace SmtpShield.Limits;

/// <summary>The mail of a client range that the MTA has accepted.</summary>
/// <param name="Messages">How many messages, since the range is known.</param>
/// <param name="LastAt">When the last one was, in whole seconds.</param>
internal readonly record struct DeliveredMail(uint Messages, DateTimeOffset LastAt);
