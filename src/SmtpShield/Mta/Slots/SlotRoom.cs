namespace SmtpShield.Mta.Slots;

/// <summary>What is free at a destination, and who may have it.</summary>
/// <param name="Free">Sessions there may be more; not above 0: none.</param>
/// <param name="UsedByOthers">Sessions of clients that are not known good.</param>
/// <param name="MayOthersOpen">Whether not too many sessions of theirs are just being opened.</param>
/// <param name="Terms">The terms.</param>
internal readonly record struct SlotRoom(int Free, int UsedByOthers, bool MayOthersOpen, SlotTerms Terms)
{
    /// <summary>Of these, what clients may have that are not known good.</summary>
    public int ForOthers => Free - Terms.Reserve;

    /// <summary>
    /// Whether one of these may have one when it is their turn, though only the reserve is free: together they never hold what known good clients would have
    /// to come in by.
    /// </summary>
    public bool MayOthersTakeTurn => Free > 0 && UsedByOthers < Terms.Limit - Terms.Reserve;

    /// <summary>What is free for a standing.</summary>
    public int For(ClientStanding standing) => SlotQueue.IsGood(standing) ? Free : ForOthers;

    /// <summary>
    /// Whether a range may take one. The last one does not look at shares: they keep room for others, and there is none to keep.
    /// </summary>
    /// <param name="standing">What its client is known for.</param>
    /// <param name="held">What it holds already.</param>
    /// <param name="free">What is free for that standing.</param>
    public bool MayTake(ClientStanding standing, int held, int free) =>
        (MayOthersOpen || SlotQueue.IsGood(standing)) && (free == 1 || (free > 1 && (standing == ClientStanding.Exempt || held < Terms.ShareOf(Free))));
}
