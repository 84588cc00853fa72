namespace SmtpShield.Clients;

/// <summary>What has happened to an exemption before its time was over.</summary>
internal enum ExemptionChange
{
    /// <summary>An operator has made it here, or changed until when.</summary>
    Made,

    /// <summary>An operator has ended it here.</summary>
    Removed,

    /// <summary>Another shield has told of it.</summary>
    MadeElsewhere,

    /// <summary>Another shield has told that it was ended.</summary>
    RemovedElsewhere,
}
