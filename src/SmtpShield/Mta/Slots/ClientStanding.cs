namespace SmtpShield.Mta.Slots;

/// <summary>
/// What a client is known for, best first: who comes first when the MTA's sessions are short, and who gives one up first, in the other order.
/// </summary>
/// <remarks>
/// <see cref="Exempt"/> and <see cref="Good"/> are one class, the known good ones: they may take the last session, and none is kept from them as a reserve.
/// The other two may take one only while more than the reserve is free.
/// </remarks>
internal enum ClientStanding : byte
{
    /// <summary>In <c>smtpd_client_event_limit_exceptions</c>: known good, and without a share.</summary>
    Exempt,

    /// <summary>In <c>mynetworks</c>, authenticated, or of a range whose mail the MTA has accepted lately (<see cref="KnownClients"/>).</summary>
    Good,

    /// <summary>All others.</summary>
    Unknown,

    /// <summary>Of a range that had to be parted from a session lately, or made more errors than a session may have.</summary>
    Bad,
}
