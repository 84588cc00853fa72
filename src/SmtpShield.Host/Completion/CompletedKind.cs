namespace SmtpShield.Host.Completion;

/// <summary>Where a shell finds what can stand in a place.</summary>
internal enum CompletedKind
{
    /// <summary>Some words; none: nobody can know.</summary>
    Words,

    /// <summary>Files and directories.</summary>
    Files,

    /// <summary>The services of the configuration, which the program is asked for.</summary>
    Services,
}
