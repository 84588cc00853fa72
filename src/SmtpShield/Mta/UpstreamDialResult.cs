namespace SmtpShield.Mta;

/// <summary>What came of dialing the MTA: a connection whose greeting is read, or the failures that explain why there is none.</summary>
/// <param name="Connection">The session with the MTA; the caller disposes it. <see langword="null"/>: no destination could be reached.</param>
/// <param name="Failures">In the order tried; also filled when a later try succeeded. Empty when no destination is configured.</param>
/// <param name="GreetingTimedOut">There is no connection, and the last try ended in silence after the connect: the MTA is full (reply 421 4.3.2 rather than
/// 4.3.0).</param>
internal readonly record struct UpstreamDialResult(UpstreamConnection? Connection, IReadOnlyList<UpstreamFailure> Failures, bool GreetingTimedOut);
