namespace SmtpShield.Listening;

/// <summary>
/// One session's share of <c>default_process_limit</c>, and a feature of its connection. The session releases it when it has ended but still lingers on the
/// close; otherwise the end of the connection does.
/// </summary>
internal sealed class ProcessSlot(ProcessLimit limit)
{
    private ProcessLimit? _limit = limit;

    /// <summary>Lets the next client in; only the first call does anything.</summary>
    public void Release() => Interlocked.Exchange(ref _limit, null)?.Return();
}
