namespace SmtpShield.Mta.Slots;

/// <summary>
/// How the sessions of a destination are shared by two processes of this shield, of which the later one has taken over from the earlier one. The earlier one
/// keeps those it has; each that it needs no more it gives to the later one, and where its clients wait it asks for one, one at a time. So both together never
/// have more than there may be, and where clients wait at both, they have their turns. Not thread-safe: <see cref="MtaSlots"/> locks.
/// </summary>
internal sealed class SlotShare
{
    private int _kept = int.MaxValue;

    /// <summary>Is told in the earlier process when sessions or those who wait have changed; with all locked, and not to wait.</summary>
    public Action? Changed { get; set; }

    /// <summary>Is told in the later process when the earlier one gets one more, and now and then while clients wait; likewise.</summary>
    public Action? LentChanged { get; set; }

    /// <summary>Sessions the earlier process may have.</summary>
    public int Lent { get; private set; }

    /// <summary>Clients that wait at the later process because all is taken.</summary>
    public int WaitingElsewhere { get; private set; }

    /// <summary>Of these, those that have waited for <see cref="LongWaits.Patience"/>.</summary>
    public int LongWaitingElsewhere { get; private set; }

    /// <summary>Whether the earlier process wants one more.</summary>
    public bool IsAsked { get; private set; }

    /// <summary>Whether it got the last one that there was for it or for those who wait here.</summary>
    public bool WasLentLast { get; private set; }

    /// <summary>Whether the later process decides how many there may be here.</summary>
    public bool IsBound => _kept != int.MaxValue;

    /// <summary>The terms that are left of some.</summary>
    public SlotTerms Of(SlotTerms terms)
    {
        if (!terms.AreLimited || (Lent == 0 && !IsBound))
            return terms;

        // New clients, for whom the reserve is, come to the later process.
        var limit = Math.Max(0, Math.Min(terms.Limit, _kept) - Lent);
        return terms with { Limit = limit, Reserve = IsBound ? 0 : Math.Clamp(terms.Reserve, 0, Math.Max(0, limit - 1)) };
    }

    /// <summary>In the earlier process: there may be no more than there are.</summary>
    public void Bind(int used) => _kept = used + Lent;

    /// <summary>There may be as many as ever.</summary>
    public void Unbind() => (_kept, Changed, WaitingElsewhere, LongWaitingElsewhere) = (int.MaxValue, null, 0, 0);

    /// <summary>So many wait at the later process.</summary>
    public void NoteWaiting(int waiting, int longWaiting) => (WaitingElsewhere, LongWaitingElsewhere) = (waiting, longWaiting);

    /// <summary>Those that nobody needs here: from now on there may be so many fewer.</summary>
    /// <param name="used">Sessions there are.</param>
    /// <param name="waiting">Clients that wait for one.</param>
    public int GiveSpare(int used, int waiting)
    {
        var spare = IsBound ? Math.Max(0, _kept - Lent - used - waiting - (IsAsked ? 1 : 0)) : 0;
        _kept -= spare;
        return spare;
    }

    /// <summary>Whether there are too few.</summary>
    /// <param name="used">Sessions there are.</param>
    /// <param name="waiting">Clients that wait for one.</param>
    public bool IsMissing(int used, int waiting) => IsBound && used + waiting + (IsAsked ? 1 : 0) > _kept - Lent;

    /// <summary>There may be more: those that were asked for.</summary>
    public void Keep(int more) => _kept += IsBound ? more : 0;

    /// <summary>In the later process: the earlier one has so many.</summary>
    public void Lend(int sessions) => Lent += sessions;

    /// <summary>The earlier one wants one more.</summary>
    public void Ask() => IsAsked = true;

    /// <summary>It gets it.</summary>
    public void Lend()
    {
        (Lent, IsAsked, WasLentLast) = (Lent + 1, false, true);
        LentChanged?.Invoke();
    }

    /// <summary>Somebody who waits here got one.</summary>
    public void NoteGrant() => WasLentLast = false;

    /// <summary>It needs so many no more.</summary>
    public void TakeBack(int sessions) => Lent = Math.Max(0, Lent - sessions);

    /// <summary>It has ended.</summary>
    public void TakeBackAll() => (Lent, IsAsked, LentChanged) = (0, false, null);
}
