namespace SmtpShield.Testing.Smtp;

/// <summary>How a connection to <see cref="ScriptedMta"/> ended.</summary>
public enum MtaEnding
{
    /// <summary>The peer closed in order.</summary>
    Fin,

    /// <summary>The peer reset the connection.</summary>
    Reset,

    /// <summary>The MTA itself closed before its peer did.</summary>
    Own,
}
