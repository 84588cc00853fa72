using System.Globalization;
using Microsoft.Extensions.Logging;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Mta.Stress;

/// <summary>
/// How hard pressed one MTA is, by what all sessions of all services see of it: judged once a second. It is told what they see, and says what follows: the
/// level, and how many sessions the MTA gets.
/// </summary>
/// <param name="name">The destination.</param>
/// <param name="slots">Its sessions.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where the beginning and the end of stress are told.</param>
internal sealed partial class MtaStress(string name, MtaSlots slots, TimeProvider time, ILogger log)
{
    /// <summary>How often it is judged.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly MtaAnswerTimes _answers = new();
    private readonly MtaRefusals _refusals = new();
    private readonly StressMeter _meter = new();
    private readonly LimitUnderStress _limit = new();
    private readonly List<long> _awaited = [];
    private StressSignals _signals;

    /// <summary>How hard pressed it is, why, and what was seen in the last second.</summary>
    public (StressLevel Level, StressReason Reason, StressSignals Signals) State
    {
        get
        {
            lock (_gate)
                return (_meter.Level, _meter.Reason, _signals);
        }
    }

    /// <summary>It has greeted, or answered MAIL or RCPT.</summary>
    public void NoteAnswer(TimeSpan took)
    {
        lock (_gate)
            _answers.Add(took, isUsual: _meter.Level == StressLevel.None);
    }

    /// <summary>It has replied: a greeting, or the answer to MAIL, RCPT, DATA or a message.</summary>
    /// <param name="isOfSystem">421, or 4.3.x.</param>
    public void NoteReply(bool isOfSystem)
    {
        lock (_gate)
            _refusals.Add(isOfSystem);
    }

    /// <summary>It was dialed for a client.</summary>
    /// <param name="isInVain">Refused, or silent.</param>
    public void NoteDial(bool isInVain)
    {
        lock (_gate)
            _refusals.AddDial(isInVain);
    }

    /// <summary>A second is over.</summary>
    /// <param name="terms">What it may have without stress.</param>
    public void EndSecond(SlotTerms terms)
    {
        var (inForce, used, isWaitedFor) = (slots.Terms, slots.InUse + slots.Lent, slots.HasLongWaiters);
        lock (_gate)
        {
            _awaited.Clear();
            slots.CountAwaited(_awaited);
            var now = time.GetTimestamp();
            var answer = _answers.Now(_awaited.Select(since => time.GetElapsedTime(since, now)));
            var (replies, ofSystem) = _refusals.Sum;
            _signals = new(inForce.AreLimited ? (int)(used * 100L / Math.Max(1, inForce.Limit)) : 0, isWaitedFor, answer, _answers.Usual, replies, ofSystem,
                _refusals.DialsInVain);

            var before = _meter.Level;
            _meter.Step(_signals);
            if (_meter.Level == StressLevel.Stressed && before != StressLevel.Stressed)
                Log.Begins(log, name, Describe(_meter.Reason, _signals, inForce, used));
            else if (before == StressLevel.Stressed && _meter.Level != StressLevel.Stressed)
                Log.Ends(log, name, used);

            _answers.EndSecond(answer, isCalm: _meter.Level == StressLevel.None);
            _refusals.EndSecond();
            if (terms.AreLimited)
                _limit.Step(_meter.Level == StressLevel.Stressed && _signals.OfItself != StressReason.None, terms.Limit, terms.Reserve);
        }
    }

    /// <summary>What it gets of what it may have.</summary>
    public int LimitOf(int limit)
    {
        lock (_gate)
            return _limit.Of(limit);
    }

    private static string Describe(StressReason reason, in StressSignals signals, in SlotTerms terms, int used) => reason switch
    {
        StressReason.Slow => $"answers in {Seconds(signals.Answer)} s (usually {Seconds(signals.Usual)} s)",
        StressReason.SystemReplies => $"says 421 or 4.3.x in {signals.SystemReplies} of {signals.Replies} replies",
        StressReason.Dials => $"has not answered {signals.DialsInVain} of the last dials",
        StressReason.Waiting => "has clients that wait for a session",
        _ => $"has {used} of {terms.Limit} sessions",
    };

    private static string Seconds(TimeSpan? time) => (time ?? TimeSpan.Zero).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);

    private static partial class Log
    {
        [LoggerMessage(1653, LogLevel.Information, "entering STRESS mode: upstream {Destination} {Reason}", EventName = "MtaStressBegins")]
        public static partial void Begins(ILogger logger, string destination, string reason);

        [LoggerMessage(1654, LogLevel.Information, "leaving STRESS mode: upstream {Destination} has {Sessions} sessions", EventName = "MtaStressEnds")]
        public static partial void Ends(ILogger logger, string destination, int sessions);
    }
}
