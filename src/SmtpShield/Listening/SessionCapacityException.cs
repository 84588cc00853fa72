namespace SmtpShield.Listening;

/// <summary>
/// The process has not enough descriptors or memory for one session of each service. The message is one line that names the limit and the remedy; the exit
/// status is 1.
/// </summary>
internal sealed class SessionCapacityException : Exception
{
    /// <summary>Not one session of each service fits.</summary>
    public SessionCapacityException(SessionBound bound, int services)
        : base($"{bound.Cause} are too few for {services} sessions, one for each service; raise the limit: {bound.Needed(services)} or more")
    {
    }

    /// <summary>The program itself does not fit.</summary>
    public SessionCapacityException(int descriptors, int needed)
        : base($"{SessionBound.CauseOf(descriptors)} are too few for the program itself; raise the limit: {needed} descriptors or more")
    {
    }
}
