namespace SmtpShield.Mta;

/// <summary>What came of dialing the MTA: a connection whose greeting is read, or the failures that explain why there is none.</summary>
/// <param name="Connection">The session with the MTA; the caller disposes it. <see langword="null"/>: no destination could be reached.</param>
/// <param name="Failures">In the order tried; also filled when a later try succeeded. Empty when no destination is configured.</param>
/// <param name="GreetingTimedOut">There is no connection, and the last try ended in silence after the connect: the MTA is full.</param>
/// <param name="QueueTimedOut">There is no connection, and the client has waited for <c>shield_upstream_queue_time</c> in vain.</param>
internal readonly record struct UpstreamDialResult(
    UpstreamConnection? Connection, IReadOnlyList<UpstreamFailure> Failures, bool GreetingTimedOut, bool QueueTimedOut = false)
{
    /// <summary>Whether there is no connection because the MTA has enough to do: reply 4.3.2 rather than 4.3.0.</summary>
    public bool IsBusy => GreetingTimedOut || QueueTimedOut;
}
