using SmtpShield.Mta;
using SmtpShield.Mta.Stress;

namespace SmtpShield.Control.Upstreams;

/// <summary>The pool's destinations for the control socket.</summary>
internal sealed class PoolUpstreams(UpstreamMaintenance maintenance, RecentReplies replies) : IUpstreamControl
{
    /// <inheritdoc />
    public IEnumerable<UpstreamReport> Reports => maintenance.Pictures().Select(picture => ReportOf(picture, replies.Of(picture.Name)));

    /// <inheritdoc />
    public bool TryDo(UpstreamAction action, string name, string by) => action switch
    {
        UpstreamAction.Drain => maintenance.Drain(name, by),
        UpstreamAction.Ready => maintenance.Ready(name, by),
        _ => maintenance.Probe(name),
    };

    private static string WordOf(StressReason reason) => reason switch
    {
        StressReason.Sessions => "sessions",
        StressReason.Waiting => "waiting",
        StressReason.Slow => "slow",
        StressReason.SystemReplies => "4.3.x",
        StressReason.Dials => "dials",
        _ => "",
    };

    private static UpstreamReport ReportOf(UpstreamStatus picture, RepliesLately? replies) =>
        new(picture.Service, picture.Name, picture.State.ToString().ToLowerInvariant(), picture.Sessions)
        {
            Kept = picture.Kept,
            Limit = picture.Limit,
            LimitInForce = picture.LimitInForce,
            Waiting = picture.Waiting,
            Weight = picture.Weight,
            GreetingMs = (int?)picture.Greeting?.TotalMilliseconds,
            Since = picture.Since,
            Reason = picture.Reason,
            Stress = (int)picture.Stress.Level,
            StressReason = WordOf(picture.Stress.Reason),
            AnswerMs = (int?)picture.Stress.Signals.Answer?.TotalMilliseconds,
            UsualMs = (int?)picture.Stress.Signals.Usual?.TotalMilliseconds,
            Replies = picture.Stress.Signals.Replies,
            SystemReplies = picture.Stress.Signals.SystemReplies,
            DialsInVain = picture.Stress.Signals.DialsInVain,
            ReplyP50Ms = Milliseconds(replies?.Median),
            ReplyP99Ms = Milliseconds(replies?.Percentile99),
            FailedMin = replies?.FailedDials,
        };

    // Below one there is something, too.
    private static int? Milliseconds(TimeSpan? time) => time is { } known ? (int)Math.Ceiling(known.TotalMilliseconds) : null;
}
