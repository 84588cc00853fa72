namespace SmtpShield.Control.Clients;

/// <summary>How a client stands at a service. In the API these are lower case.</summary>
internal enum ClientState
{
    /// <summary>Nothing is counted of it.</summary>
    Unknown,

    /// <summary>Far from every limit.</summary>
    Free,

    /// <summary>At four fifths of a limit, or above.</summary>
    Near,

    /// <summary>It may not connect at all.</summary>
    Banned,

    /// <summary>What it does next would be refused by a limit.</summary>
    Limited,

    /// <summary>Neither counted nor limited, whatever is left in its record.</summary>
    Exempt,
}
