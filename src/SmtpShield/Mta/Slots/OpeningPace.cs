namespace SmtpShield.Mta.Slots;

/// <summary>
/// How many sessions are opened at the same time for clients that are not known good: as many as the MTA copes with. For each new session most MTAs start
/// processes (Postfix up to three until a recipient is accepted), one behind the other, and whoever comes next waits for those before it. So there are few at
/// first, one more with each answer that takes its usual time while there are as many as there may be, and half as many when one takes much longer.
/// </summary>
/// <remarks>Not thread-safe: the owner locks.</remarks>
/// <param name="time">The clock.</param>
internal sealed class OpeningPace(TimeProvider time)
{
    /// <summary>There are never fewer.</summary>
    public const int Least = 1;

    /// <summary>How many there are at first.</summary>
    public const int AtFirst = 4;

    /// <summary>An answer that takes this many times as long as usual is a slow one.</summary>
    public const int TimesUsual = 4;

    /// <summary>No answer that is there before is a slow one.</summary>
    public static readonly TimeSpan NeverSlow = TimeSpan.FromMilliseconds(20);

    /// <summary>An MTA that usually takes longer to greet does so on purpose, and its greeting says nothing of how it copes: it has no pace.</summary>
    public static readonly TimeSpan LongestUsualGreeting = TimeSpan.FromSeconds(1);

    /// <summary>Many slow answers within this time are one: those who wait for the same thing have them together.</summary>
    public static readonly TimeSpan BetweenSteps = TimeSpan.FromMilliseconds(100);

    // Of how many answers the usual time is the mean; slow ones are the exception, and are taken for usual when there is nothing else for long.
    private const int Weight = 64;
    private const int WeightOfSlow = 1024;

    private readonly double[] _usual = new double[Enum.GetValues<MtaWork>().Length];
    private long? _loweredAt;
    private int _most = AtFirst;

    /// <summary>How many there may be now; no limit before the MTA has greeted once.</summary>
    public int Most => _usual[(int)MtaWork.Greeting] is > 0 and var usual && usual <= LongestUsualGreeting.Ticks ? _most : int.MaxValue;

    /// <summary>The MTA has done something.</summary>
    /// <param name="work">What.</param>
    /// <param name="took">How long that took.</param>
    /// <param name="opening">Sessions that are being opened.</param>
    /// <param name="limit">Sessions there may be.</param>
    public void Note(MtaWork work, TimeSpan took, int opening, int limit)
    {
        ref var usual = ref _usual[(int)work];
        if (usual == 0)
            usual = took.Ticks;
        var isSlow = took >= NeverSlow && took.Ticks >= usual * TimesUsual;
        usual += (took.Ticks - usual) / (isSlow ? WeightOfSlow : Weight);
        if (!isSlow && opening >= _most)
            _most = Math.Min(_most + 1, limit);
        else if (isSlow && (_loweredAt is not { } lowered || time.GetElapsedTime(lowered) >= BetweenSteps))
            Lower();
    }

    private void Lower()
    {
        _loweredAt = time.GetTimestamp();
        _most = Math.Max(Least, _most / 2);
    }
}
