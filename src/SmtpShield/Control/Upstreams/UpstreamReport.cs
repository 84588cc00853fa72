namespace SmtpShield.Control.Upstreams;

/// <summary>One destination as one service sees it. What is not known is left out of the answer.</summary>
/// <param name="Service">The service.</param>
/// <param name="Name">The destination as configured, <c>host:port</c>.</param>
/// <param name="State"><c>up</c>, <c>down</c> and what else the pool calls it.</param>
/// <param name="Sessions">Sockets it sees of the shield, of all services.</param>
internal sealed record UpstreamReport(string Service, string Name, string State, int Sessions)
{
    /// <summary>Sessions kept for the next client.</summary>
    public int? Kept { get; init; }

    /// <summary>Sessions it may see at most, as configured; 0: any number.</summary>
    public int? Limit { get; init; }

    /// <summary>The same as it is now: lower under stress, and while a destination comes back.</summary>
    public int? LimitInForce { get; init; }

    /// <summary>Clients that wait for a session.</summary>
    public int? Waiting { get; init; }

    /// <summary>Its weight among the service's destinations.</summary>
    public int? Weight { get; init; }

    /// <summary>Milliseconds it takes to greet.</summary>
    public int? GreetingMs { get; init; }

    /// <summary>How hard pressed it is: 0 not, 1 sessions with it are used sparingly, 2 its services are under stress.</summary>
    public int? Stress { get; init; }

    /// <summary>Why: <c>sessions</c>, <c>waiting</c>, <c>slow</c>, <c>4.3.x</c> or <c>dials</c>; empty: it is not.</summary>
    public string? StressReason { get; init; }

    /// <summary>Milliseconds it takes to greet and to answer MAIL and RCPT, in the last ten seconds; left out with less than ten answers.</summary>
    public int? AnswerMs { get; init; }

    /// <summary>The same as it usually is; left out before the hundredth answer.</summary>
    public int? UsualMs { get; init; }

    /// <summary>Replies to what makes a transaction, in the last ten seconds.</summary>
    public int? Replies { get; init; }

    /// <summary>Of these, 421 and 4.3.x.</summary>
    public int? SystemReplies { get; init; }

    /// <summary>Of the last ten dials, those in the last ten seconds that were refused or met silence.</summary>
    public int? DialsInVain { get; init; }

    /// <summary>Milliseconds that half of the replies to MAIL and RCPT took at most, in the last minute; left out when there was none.</summary>
    public int? ReplyP50Ms { get; init; }

    /// <summary>The same of 99 of a hundred.</summary>
    public int? ReplyP99Ms { get; init; }

    /// <summary>Tries to reach it, in the last minute, that it has not greeted with 220.</summary>
    public int? FailedMin { get; init; }

    /// <summary>Since when it is in this state.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Why it is not up.</summary>
    public string? Reason { get; init; }
}
