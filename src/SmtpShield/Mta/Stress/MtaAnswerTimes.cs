namespace SmtpShield.Mta.Stress;

/// <summary>
/// How long an MTA takes to answer, in the last ten seconds and usually. The slowest one is left out: a single answer that hangs says nothing. Not thread-safe.
/// </summary>
internal sealed class MtaAnswerTimes
{
    private const int Seconds = 10;

    // Of how many answers what is usual is the mean, how many it takes, and how fast it follows an MTA that has become much faster.
    private const int UsualOf = 600;
    private const int LeastForUsual = 100;
    private const double Shrinks = 0.95;

    private readonly Second[] _seconds = new Second[Seconds];
    private int _now;
    private int _answers;
    private double _usual;

    /// <summary>What is usual; null: too few answers to tell.</summary>
    public TimeSpan? Usual => _answers >= LeastForUsual ? TimeSpan.FromTicks((long)_usual) : null;

    /// <summary>It has answered.</summary>
    /// <param name="took">How long that took.</param>
    /// <param name="isUsual">Whether it counts for what is usual: not as long as the MTA is hard pressed.</param>
    public void Add(TimeSpan took, bool isUsual)
    {
        _seconds[_now].Add(took.Ticks);
        if (!isUsual)
            return;

        _answers = Math.Min(_answers + 1, UsualOf);
        _usual += (took.Ticks - _usual) / _answers;
    }

    /// <summary>How long it takes now.</summary>
    /// <param name="awaited">
    /// How long those answers have been waited for that are not there: each counts that has taken longer than the mean of those that came, since less says
    /// nothing.
    /// </param>
    /// <returns>Null: too few answers to tell.</returns>
    public TimeSpan? Now(IEnumerable<TimeSpan> awaited)
    {
        var all = default(Second);
        foreach (ref readonly var second in _seconds.AsSpan())
            all.Add(second);
        var mean = all.Count == 0 ? 0 : all.Sum / all.Count;
        foreach (var one in awaited)
        {
            if (one.Ticks > mean)
                all.Add(one.Ticks);
        }

        return all.Count < StressSignals.LeastAnswers ? null : TimeSpan.FromTicks((all.Sum - all.Slowest) / (all.Count - 1));
    }

    /// <summary>A second is over.</summary>
    /// <param name="answer">What <see cref="Now"/> has said.</param>
    /// <param name="isCalm">Whether the MTA is not hard pressed.</param>
    public void EndSecond(TimeSpan? answer, bool isCalm)
    {
        if (isCalm && answer is { } took && _usual > took.Ticks * 2)
            _usual *= Shrinks;
        _now = (_now + 1) % Seconds;
        _seconds[_now] = default;
    }

    private struct Second
    {
        public int Count;
        public long Sum;
        public long Slowest;

        public void Add(long took)
        {
            Count++;
            Sum += took;
            Slowest = Math.Max(Slowest, took);
        }

        public void Add(in Second other)
        {
            Count += other.Count;
            Sum += other.Sum;
            Slowest = Math.Max(Slowest, other.Slowest);
        }
    }
}
