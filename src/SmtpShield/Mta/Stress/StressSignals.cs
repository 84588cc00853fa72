namespace SmtpShield.Mta.Stress;

/// <summary>
/// How an MTA is doing: the last ten seconds, compared with its own past, because what is slow for one is usual for another (a look into block lists, a
/// greylisting server). Only replies that speak of the system count, since most others are about a client.
/// </summary>
/// <param name="Share">Percent of the sessions it may have now that are in use; 0 where there is no limit.</param>
/// <param name="IsWaitedFor">Whether somebody has waited for one for a second.</param>
/// <param name="Answer">How long it takes to greet and to answer MAIL and RCPT; null: too few answers to tell.</param>
/// <param name="Usual">How long that usually takes; null: too few answers to tell.</param>
/// <param name="Replies">Replies it has given.</param>
/// <param name="SystemReplies">Of these, 421 and 4.3.x.</param>
/// <param name="DialsInVain">Of the last ten dials, those that were refused or met silence.</param>
internal readonly record struct StressSignals(
    int Share, bool IsWaitedFor, TimeSpan? Answer, TimeSpan? Usual, int Replies, int SystemReplies, int DialsInVain)
{
    /// <summary>Answers below which nothing is said about how long they take.</summary>
    public const int LeastAnswers = 10;

    private static readonly TimeSpan s_slowWhenPressed = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_slowWhenStressed = TimeSpan.FromSeconds(1);

    /// <summary>What they say it is, and why.</summary>
    public (StressLevel Level, StressReason Reason) Verdict
    {
        get
        {
            var reason = OfItself;
            if (reason == StressReason.None)
                reason = IsWaitedFor ? StressReason.Waiting : Share >= 90 ? StressReason.Sessions : StressReason.None;
            if (reason != StressReason.None)
                return (StressLevel.Stressed, reason);

            reason = IsSlow(2, s_slowWhenPressed) ? StressReason.Slow : Share >= 50 ? StressReason.Sessions : StressReason.None;
            return (reason == StressReason.None ? StressLevel.None : StressLevel.Pressed, reason);
        }
    }

    /// <summary>
    /// What shows that it does not cope with what it has: then fewer sessions help. That all are in use, or waited for, says nothing about that.
    /// </summary>
    public StressReason OfItself =>
        IsSlow(4, s_slowWhenStressed) ? StressReason.Slow
        : SystemReplies >= 5 && SystemReplies * 10L >= Replies ? StressReason.SystemReplies
        : DialsInVain >= 3 ? StressReason.Dials
        : StressReason.None;

    /// <summary>Whether they lie so far below what led to a level that it may be left.</summary>
    public bool AreBelow(StressLevel level) => level == StressLevel.Stressed
        ? Share <= 63 && !IsWaitedFor && !TakesAtLeast(2) && SystemReplies * 100L <= Replies * 3L && DialsInVain == 0
        : Share <= 35 && !TakesAtLeast(1.5);

    private bool IsSlow(double times, TimeSpan atLeast) => Answer >= atLeast && TakesAtLeast(times);

    private bool TakesAtLeast(double times) => Answer is { } answer && Usual is { } usual && answer >= usual * times;
}
