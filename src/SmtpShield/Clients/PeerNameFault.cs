namespace SmtpShield.Clients;

/// <summary>Why a client does not get the name its address claims.</summary>
internal enum PeerNameFault
{
    /// <summary>Nothing is wrong, or no name is claimed.</summary>
    None,

    /// <summary>The name looks like an address.</summary>
    Numeric,

    /// <summary>The name is no host name.</summary>
    Malformed,

    /// <summary>The name has addresses, but not the client's.</summary>
    Mismatch,

    /// <summary>The name has no address of the client's family, or nobody says which.</summary>
    Unresolved,
}
