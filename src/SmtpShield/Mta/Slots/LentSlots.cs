namespace SmtpShield.Mta.Slots;

/// <summary>In the process that has taken over: the sessions of a destination that the earlier one has.</summary>
internal sealed class LentSlots
{
    private readonly MtaSlots _slots;
    private readonly int _atFirst;
    private int _given;
    private int _said;
    private bool _wereWaiting;

    /// <summary>So many it has at first.</summary>
    public LentSlots(MtaSlots slots, int atFirst)
    {
        (_slots, _atFirst) = (slots, atFirst);
        slots.Share((share, _) => share.Lend(atFirst));
    }

    /// <summary>Tells of grants.</summary>
    /// <param name="changed">Is told when there may be something to say, with the slots locked; null: nothing is said any more.</param>
    public void Follow(Action? changed) => _slots.Share((share, _) => share.LentChanged = changed);

    /// <summary>It has given so many, all in all, that it needs no more.</summary>
    public void HearGiven(int sum)
    {
        var more = Math.Max(0, sum - _given);
        _given += more;
        _slots.Share((share, _) => share.TakeBack(more));
    }

    /// <summary>It has asked for so many, all in all.</summary>
    public void HearAsked(int sum)
    {
        if (sum > Granted)
            _slots.Share(static (share, _) => share.Ask());
    }

    /// <summary>It has ended.</summary>
    public void HearEnd() => _slots.Share(static (share, _) => share.TakeBackAll());

    /// <summary>What there is to be said.</summary>
    /// <returns>
    /// How many it was granted so far; and how many clients wait here because all is taken, and for long, again and again while there are any. Null: nothing.
    /// </returns>
    public (int? Granted, (int Waiting, int Long)? Want) Settle()
    {
        var (granted, want) = (Granted, _slots.Lent > 0 ? _slots.Want : default);
        int? toSay = granted == _said ? null : granted;
        _said = granted;
        var isWanted = want.Waiting > 0;
        (int, int)? wanted = isWanted || _wereWaiting ? want : null;
        _wereWaiting = isWanted;
        return (toSay, wanted);
    }

    private int Granted => _slots.Lent + _given - _atFirst;
}
