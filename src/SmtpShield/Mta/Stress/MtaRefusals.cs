namespace SmtpShield.Mta.Stress;

/// <summary>What an MTA refuses for its own sake, in the last ten seconds: replies, and the last ten dials. Not thread-safe.</summary>
internal sealed class MtaRefusals
{
    private const int Seconds = 10;
    private const int Dials = 10;

    private readonly (int Replies, int OfSystem)[] _seconds = new (int, int)[Seconds];
    private readonly long[] _dialsInVain = new long[Dials];
    private int _dials;
    private long _second = Seconds;

    /// <summary>Replies, and those of them that speak of the system.</summary>
    public (int Replies, int OfSystem) Sum
    {
        get
        {
            var (replies, ofSystem) = (0, 0);
            foreach (var second in _seconds)
                (replies, ofSystem) = (replies + second.Replies, ofSystem + second.OfSystem);
            return (replies, ofSystem);
        }
    }

    /// <summary>Of the last ten dials, those in vain.</summary>
    public int DialsInVain => _dialsInVain.Count(second => second > _second - Seconds);

    /// <summary>It has replied.</summary>
    public void Add(bool isOfSystem)
    {
        ref var second = ref _seconds[_second % Seconds];
        second = (second.Replies + 1, second.OfSystem + (isOfSystem ? 1 : 0));
    }

    /// <summary>It was dialed.</summary>
    public void AddDial(bool isInVain) => _dialsInVain[_dials++ % Dials] = isInVain ? _second : 0;

    /// <summary>A second is over.</summary>
    public void EndSecond()
    {
        _second++;
        _seconds[_second % Seconds] = default;
    }
}
