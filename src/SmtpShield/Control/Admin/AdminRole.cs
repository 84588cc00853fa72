namespace SmtpShield.Control.Admin;

/// <summary>What somebody may do.</summary>
internal enum AdminRole
{
    /// <summary>Look, but not at the log, which has what clients say.</summary>
    View,

    /// <summary>All there is, as whoever can open the control socket.</summary>
    Operate,
}
