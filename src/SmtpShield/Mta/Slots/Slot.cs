using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// The right to one session at a destination, from before the first SYN until the MTA's side is closed; disposed by whoever was given it, once or more often.
/// It also is where the session says how it stands, for <see cref="Revocation"/>, and is told what others need: nobody else touches a session's state, and
/// what is read here may be a step old.
/// </summary>
/// <param name="slots">The destination.</param>
/// <param name="range">Whose it is.</param>
/// <param name="standing">What the client was known for.</param>
/// <param name="wake">Makes the session look at <see cref="Demand"/>.</param>
internal sealed class Slot(MtaSlots slots, SlotRange range, ClientStanding standing, Action wake) : IDisposable, IThreadPoolWorkItem
{
    private ContentPace _pace;
    private long _since;
    private long _leastContent;
    private long _awaitedSince;
    private volatile SlotUse _use;
    private volatile SlotDemand _demand;

    /// <summary>The destination.</summary>
    public MtaSlots Slots => slots;

    /// <summary>Whose it is.</summary>
    public ClientRange Client => range.Client;

    /// <summary>What is asked of the session.</summary>
    public SlotDemand Demand => _demand;

    /// <summary>What the session does with it, as it said last.</summary>
    public SlotUse Use => _use;

    /// <summary>Since when; a timestamp.</summary>
    public long Since => Volatile.Read(ref _since);

    /// <summary>What the client is known for; changed under the lock of <see cref="MtaSlots"/>.</summary>
    internal ClientStanding Standing { get; set; } = standing;

    /// <summary>Its range's record there.</summary>
    internal SlotRange Range => range;

    /// <summary>Whether it counts; changed under that lock, as all below.</summary>
    internal bool IsTaken { get; set; }

    /// <summary>Whether the session has no client: it counts, but its range does not hold it any more.</summary>
    internal bool IsParked { get; set; }

    /// <summary>Whether the session is being opened, and counts as one of those.</summary>
    internal bool IsOpening { get; set; }

    /// <summary>When it was taken; a timestamp.</summary>
    internal long TakenAt { get; set; }

    /// <summary>When the MTA last did something for it; a timestamp, 0: not yet.</summary>
    internal long AnsweredAt { get; set; }

    /// <summary>Since when the MTA is waited for, to do any <see cref="MtaWork"/>; a timestamp, 0: it isn't.</summary>
    internal long AwaitedSince => Volatile.Read(ref _awaitedSince);

    /// <summary>The one that was taken before it.</summary>
    internal Slot? TakenBefore { get; set; }

    /// <summary>The one that was taken after it.</summary>
    internal Slot? TakenAfter { get; set; }

    /// <summary>The session says how it stands; at each step.</summary>
    /// <param name="use">What it does with the slot.</param>
    /// <param name="since">
    /// <see cref="SlotUse.Releasable"/>: since when it may be given back, which may lie ahead (<c>shield_upstream_idle_release</c>);
    /// <see cref="SlotUse.Client"/>: since when the client is silent or does not read; <see cref="SlotUse.Content"/>: since when content comes. A timestamp.
    /// </param>
    public void Note(SlotUse use, long since)
    {
        // In this order: who reads the new use reads its time with it.
        Volatile.Write(ref _since, since);
        _use = use;
    }

    /// <summary>The session has received content.</summary>
    /// <param name="octets">How much.</param>
    /// <param name="leastRate">Octets a second below which it is slow while others wait: ten times <c>smtpd_min_data_rate</c>.</param>
    /// <param name="now">The time; a timestamp.</param>
    public void NoteContent(long octets, long leastRate, long now)
    {
        Volatile.Write(ref _leastContent, leastRate * ContentPace.Seconds);
        _pace.Add(octets, slots.SecondOf(now));
    }

    /// <summary>What keeps the session from being opened is not the MTA: nobody else needs to wait for it.</summary>
    public void NoteHeldUp() => slots.NoteHeldUp(this);

    /// <summary>The MTA is waited for, to do any <see cref="MtaWork"/>.</summary>
    public void NoteAwaited(long since) => Volatile.Write(ref _awaitedSince, since);

    /// <summary>It has done it.</summary>
    /// <param name="work">What.</param>
    /// <param name="took">How long that took.</param>
    public void NoteAnswered(MtaWork work, TimeSpan took)
    {
        Volatile.Write(ref _awaitedSince, 0);
        slots.NoteAnswered(this, work, took);
    }

    /// <summary>The session has proved good for itself, as by a login: its range need not be.</summary>
    public void NoteGood() => slots.NoteGood(this);

    /// <summary>
    /// What can be asked of the session, by what it said last. It asks as well, when it has said how it stands now, before it does what it was asked for:
    /// nothing means <see cref="Decline"/>.
    /// </summary>
    /// <param name="now">The time; a timestamp.</param>
    public SlotDemand DemandAt(long now)
    {
        // The use first: see Note.
        var use = _use;
        var lasts = slots.Elapsed(Volatile.Read(ref _since), now);
        return use switch
        {
            SlotUse.Releasable when lasts >= TimeSpan.Zero => SlotDemand.Release,
            SlotUse.Client when lasts >= Revocation.PatienceWith(Standing) => SlotDemand.End,
            SlotUse.Content when lasts >= Revocation.PatienceWith(Standing) && IsSlow(now) => SlotDemand.End,
            _ => SlotDemand.None,
        };
    }

    /// <summary>Asks the session for something.</summary>
    public void Ask(SlotDemand demand)
    {
        _demand = demand;
        Wake();
    }

    /// <summary>Makes the session look at how things stand, on another thread.</summary>
    public void Wake() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    /// <summary>The session does not do it: its client or the MTA was faster. Others are asked in its place.</summary>
    public void Decline() => _demand = SlotDemand.None;

    /// <summary>Gives the slot back: the MTA has closed its side, or a second has passed since ours was closed. Again: does nothing.</summary>
    public void Dispose() => slots.GiveBack(this);

    /// <inheritdoc />
    void IThreadPoolWorkItem.Execute() => wake();

    private bool IsSlow(long now) => _pace.Sum(slots.SecondOf(now)) < Volatile.Read(ref _leastContent);
}
