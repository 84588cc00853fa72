using SmtpShield.Metrics;

namespace SmtpShield.Session;

/// <summary>Where a session stands, in values alone.</summary>
internal readonly record struct SessionStanding
{
    /// <summary>What comes next from the client.</summary>
    public DialoguePhase Phase { get; init; }

    /// <summary>What it is doing, in one word.</summary>
    public SessionState State { get; init; }

    /// <summary>The last command, as in <c>lost connection after RCPT</c>; <c>CONNECT</c> before the first one.</summary>
    public required string After { get; init; }

    /// <summary>How it is with the MTA.</summary>
    public MtaLegState Mta { get; init; }

    /// <summary>The MTA, as configured; empty: none yet.</summary>
    public required string Destination { get; init; }

    /// <summary>Whether it can be ended, and what is lost then.</summary>
    public SheddingRank Rank { get; init; }

    /// <summary>It waits for the client's next command, and is not inside a message.</summary>
    public bool IsClientsTurn { get; init; }

    /// <summary>Octets received that it holds.</summary>
    public long Held { get; init; }

    /// <summary>Its errors; what <c>smtpd_soft_error_limit</c> and <c>smtpd_hard_error_limit</c> are compared with.</summary>
    public int Errors { get; init; }

    /// <summary>Its junk commands; what <c>smtpd_junk_command_limit</c> is compared with.</summary>
    public int JunkCommands { get; init; }

    /// <summary>Recipients of its transaction that the MTA has accepted; what <c>smtpd_recipient_limit</c> is compared with.</summary>
    public int Recipients { get; init; }

    /// <summary>When it last got on; a timestamp.</summary>
    public long Progress { get; init; }
}
