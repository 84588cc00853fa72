namespace SmtpShield.Mta.Slots;

/// <summary>What a session does with its slot, as far as it can be parted from it.</summary>
internal enum SlotUse : byte
{
    /// <summary>
    /// It can't: the MTA is dialed, owes something, has the end of a message, or is being left; or the session is a tunnel, in which nobody can tell where
    /// messages end.
    /// </summary>
    Kept,

    /// <summary>
    /// It can be given back, and the client notices nothing: no content, SASL exchange or login, no recipient accepted, and nothing owed by either side.
    /// </summary>
    Releasable,

    /// <summary>It is the client's turn, and the slot can't be given back without ending the session.</summary>
    Client,

    /// <summary>The client sends content.</summary>
    Content,
}
