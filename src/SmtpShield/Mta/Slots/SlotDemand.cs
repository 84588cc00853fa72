namespace SmtpShield.Mta.Slots;

/// <summary>What a session is asked to do for others who wait. It decides: what its client or the MTA says meanwhile comes first.</summary>
internal enum SlotDemand : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Give the slot back, and go on without.</summary>
    Release,

    /// <summary>End, with <c>421 4.4.2</c>; inside content the MTA's side is closed without an end of the message.</summary>
    End,
}
