namespace SmtpShield.Mta.Slots;

/// <summary>
/// How many sessions are opened at the same time for clients that are not known good: as many as the MTA copes with. For each new session most MTAs start
/// processes (Postfix up to three until a recipient is accepted), one behind the other, and whoever comes next waits for those before it. So there are few at
/// first, one more with each answer in the usual time while there are as many as there may be, and half as many when one takes much longer. For a crowd of
/// clients, as attackers are, there is one at first and at least, only what is opened counts for more, and behind a session that was opened slowly comes a rest
/// as long as its opening, so that the MTA has as much time for others.
/// </summary>
/// <remarks>
/// A session is being opened until the MTA has answered its first RCPT, or has nothing to do for it for <see cref="ClientsTime"/>. Not thread-safe: the owner
/// locks.
/// </remarks>
internal sealed class OpeningPace : IDisposable
{
    /// <summary>There are never fewer, and not more at first.</summary>
    public const int Least = 4;

    /// <summary>The same for a crowd.</summary>
    public const int LeastForCrowd = 1;

    /// <summary>Client ranges that hold or wait for sessions, from which on they are a crowd.</summary>
    public const int Crowd = 16;

    /// <summary>An answer that takes this many times as long as usual is a slow one.</summary>
    public const int TimesUsual = 4;

    /// <summary>No answer that is there before is a slow one.</summary>
    public static readonly TimeSpan NeverSlow = TimeSpan.FromMilliseconds(20);

    /// <summary>An MTA that usually takes longer to greet does so on purpose, and its greeting says nothing of how it copes: it has no pace.</summary>
    public static readonly TimeSpan LongestUsualGreeting = TimeSpan.FromSeconds(1);

    /// <summary>Many slow answers within this time are one: those who wait for the same thing have them together.</summary>
    public static readonly TimeSpan BetweenSteps = TimeSpan.FromMilliseconds(100);

    /// <summary>Behind a slow answer there are not more for so long, however quick others are.</summary>
    public static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);

    /// <summary>No rest is longer.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a session counts as one that is being opened: for one that always takes its time others do not wait longer.</summary>
    public static readonly TimeSpan LongestOpening = TimeSpan.FromSeconds(5);

    /// <summary>How long a client that is being opened a session may say nothing before others need not wait for it any more.</summary>
    public static readonly TimeSpan ClientsTime = TimeSpan.FromMilliseconds(100);

    private readonly UsualTime[] _usual = new UsualTime[Enum.GetValues<MtaWork>().Length];
    private readonly List<Slot> _opening = [];
    private readonly TimeProvider _time;
    private readonly ITimer _rested;
    private long? _loweredAt;
    private long? _slowAt;
    private long? _restsUntil;
    private int _most = LeastForCrowd;
    private bool _isCrowd;

    /// <summary>Makes one.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="rested">A rest is over.</param>
    public OpeningPace(TimeProvider time, Action rested)
    {
        _time = time;
        _rested = time.CreateTimer(static rested => ((Action)rested!)(), rested, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How many there may be now; no limit before the MTA has greeted once.</summary>
    public int Most => _usual[(int)MtaWork.Greeting].Value is var usual && usual > TimeSpan.Zero && usual <= LongestUsualGreeting
        ? Math.Max(_most, _isCrowd ? LeastForCrowd : Least)
        : int.MaxValue;

    /// <summary>Whether another one may be opened now.</summary>
    /// <param name="ranges">Client ranges that hold or wait for sessions.</param>
    public bool MayOpen(int ranges)
    {
        _isCrowd = ranges >= Crowd;
        if (Most == int.MaxValue)
            return true;
        if (IsResting())
            return false;
        if (_opening.Count < Most)
            return true;

        var now = _time.GetTimestamp();
        for (var i = _opening.Count - 1; i >= 0; i--)
        {
            if (IsOpen(_opening[i], now))
                Remove(i);
        }

        return _opening.Count < Most && !IsResting();
    }

    /// <summary>One is being opened.</summary>
    public void Begin(Slot slot)
    {
        (slot.IsOpening, slot.TakenAt, slot.AnsweredAt, slot.WasSlow) = (true, _time.GetTimestamp(), 0, false);
        _opening.Add(slot);
    }

    /// <summary>It is open, over, or held up by something else; does nothing if it was before.</summary>
    public void End(Slot slot)
    {
        if (slot.IsOpening)
            Remove(_opening.IndexOf(slot));
    }

    /// <summary>The MTA has done something.</summary>
    /// <param name="slot">For which session; one of any client.</param>
    /// <param name="work">What.</param>
    /// <param name="took">How long that took.</param>
    /// <param name="limit">Sessions there may be.</param>
    public void Note(Slot slot, MtaWork work, TimeSpan took, int limit)
    {
        slot.AnsweredAt = _time.GetTimestamp();
        ref var usual = ref _usual[(int)work];
        var isSlow = took >= NeverSlow && took >= usual.Value * TimesUsual && usual.Value > TimeSpan.Zero;
        usual = usual.With(took, isSlow);
        slot.WasSlow |= isSlow;
        if (isSlow)
            Lower();
        else if (_opening.Count >= Most && (!_isCrowd || (work is not MtaWork.Sender && slot.IsOpening && !IsWithin(_slowAt, Calm))))
            _most = Math.Min(Most + 1, limit);
        if (work is MtaWork.Recipient)
            End(slot);
    }

    /// <summary>Rests no more.</summary>
    public void Dispose() => _rested.Dispose();

    private bool IsOpen(Slot slot, long now) => _time.GetElapsedTime(slot.TakenAt, now) >= LongestOpening
        || (slot is { AwaitedSince: 0, AnsweredAt: not 0 } && _time.GetElapsedTime(slot.AnsweredAt, now) >= ClientsTime);

    private void Remove(int index)
    {
        var slot = _opening[index];
        _opening.RemoveAt(index);
        slot.IsOpening = false;
        if (slot.WasSlow && _isCrowd)
            Rest(_time.GetElapsedTime(slot.TakenAt));
    }

    private void Rest(TimeSpan wanted)
    {
        var rest = wanted < LongestRest ? wanted : LongestRest;
        _restsUntil = _time.GetTimestamp() + (long)(rest.TotalSeconds * _time.TimestampFrequency);
        _rested.Change(rest, Timeout.InfiniteTimeSpan);
    }

    private bool IsResting() => _isCrowd && _restsUntil is { } until && _time.GetTimestamp() < until;

    private void Lower()
    {
        _slowAt = _time.GetTimestamp();
        if (IsWithin(_loweredAt, BetweenSteps))
            return;

        _loweredAt = _slowAt;
        _most = Math.Max(LeastForCrowd, _most / 2);
    }

    private bool IsWithin(long? since, TimeSpan time) => since is { } begun && _time.GetElapsedTime(begun) < time;
}
