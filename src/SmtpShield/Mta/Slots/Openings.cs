namespace SmtpShield.Mta.Slots;

/// <summary>The sessions that are being opened for clients that are not known good: as many at a time as the <see cref="OpeningPace"/> allows.</summary>
/// <remarks>Not thread-safe: the owner locks.</remarks>
/// <param name="time">The clock.</param>
internal sealed class Openings(TimeProvider time)
{
    /// <summary>
    /// How long a session counts as one that is being opened, if the MTA answers no RCPT before: for one that always takes its time others do not wait longer.
    /// </summary>
    public static readonly TimeSpan OpeningTime = TimeSpan.FromSeconds(5);

    /// <summary>How long a client that is being opened a session may say nothing before others need not wait for it any more.</summary>
    public static readonly TimeSpan ClientsTime = TimeSpan.FromMilliseconds(100);

    private readonly OpeningPace _pace = new(time);
    private int _count;

    /// <summary>A session begins to be opened.</summary>
    public void Begin(Slot slot)
    {
        (slot.IsOpening, slot.TakenAt) = (true, time.GetTimestamp());
        _count++;
    }

    /// <summary>It is open, over, or waited for no longer. Again: does nothing.</summary>
    public void End(Slot slot)
    {
        if (!slot.IsOpening)
            return;

        slot.IsOpening = false;
        _count--;
    }

    /// <summary>The MTA has done something for a session, whether or not it is being opened.</summary>
    /// <param name="slot">The session's.</param>
    /// <param name="work">What.</param>
    /// <param name="took">How long that took.</param>
    /// <param name="limit">Sessions there may be.</param>
    public void NoteAnswered(Slot slot, MtaWork work, TimeSpan took, int limit)
    {
        slot.AnsweredAt = time.GetTimestamp();
        _pace.Note(work, took, _count, limit);
        if (work == MtaWork.Recipient)
            End(slot);
    }

    /// <summary>Whether another one may begin.</summary>
    /// <param name="taken">The sessions there are.</param>
    public bool HasRoom(SlotList taken)
    {
        if (_count < _pace.Most)
            return true;

        var now = time.GetTimestamp();
        foreach (var slot in taken)
        {
            if (slot.IsOpening && IsOpen(slot, now))
                End(slot);
        }

        return _count < _pace.Most;
    }

    private bool IsOpen(Slot slot, long now) => time.GetElapsedTime(slot.TakenAt, now) >= OpeningTime
        || (slot is { AwaitedSince: 0, AnsweredAt: not 0 } && time.GetElapsedTime(slot.AnsweredAt, now) >= ClientsTime);
}
