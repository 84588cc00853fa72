namespace SmtpShield.Mta.Slots;

/// <summary>
/// In the process that has handed over: the sessions of a destination that it keeps, of which it gives the later one those it needs no more. It says sums, so
/// nothing is wrong when one comes twice.
/// </summary>
internal sealed class KeptSlots
{
    private readonly MtaSlots _slots;
    private int _given;
    private int _asked;
    private int _granted;

    /// <summary>No more than there are, from now on.</summary>
    /// <param name="slots">The sessions; they are limited.</param>
    /// <param name="changed">Is told when there may be something to say, with the slots locked.</param>
    public KeptSlots(MtaSlots slots, Action? changed)
    {
        _slots = slots;
        slots.Share((share, used) =>
        {
            share.Bind(used);
            share.Changed = changed;
            AtFirst = used + share.Lent;
        });
    }

    /// <summary>How many it has kept.</summary>
    public int AtFirst { get; private set; }

    /// <summary>As many as ever: there is no later process.</summary>
    public void LetGo() => _slots.Share(static (share, _) => share.Unbind());

    /// <summary>What there is to be said.</summary>
    /// <returns>How many it has given so far, and how many it has asked for; null: nothing new.</returns>
    public (int? Given, int? Asked) Settle()
    {
        var (given, isMissing) = _slots.GiveSpare();
        _given += given;
        // One at a time: there may be clients that wait at the later process, too.
        var asks = isMissing && _asked == _granted;
        _asked += asks ? 1 : 0;
        return (given > 0 ? _given : null, asks ? _asked : null);
    }

    /// <summary>So many clients wait at the later process because all is taken, and so many of them for long.</summary>
    public void HearWaiting(int waiting, int longWaiting) => _slots.Share((share, _) => share.NoteWaiting(waiting, longWaiting));

    /// <summary>The later process has given it so many, all in all.</summary>
    public void HearGranted(int sum)
    {
        var more = Math.Clamp(sum, _granted, _asked) - _granted;
        _granted += more;
        _slots.Share((share, _) => share.Keep(more));
    }
}
