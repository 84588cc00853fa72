namespace SmtpShield.Protocol;

/// <summary>What holds of a command whatever its argument is.</summary>
[Flags]
internal enum VerbFlags : ushort
{
    /// <summary>Nothing of what follows.</summary>
    None = 0,

    /// <summary>
    /// It may stand inside a pipelined group: input behind it need not wait for its reply (RFC 2920 section 3.1). BDAT only without LAST (RFC 3030 section 2),
    /// which its argument decides.
    /// </summary>
    InGroup = 1 << 0,

    /// <summary>
    /// Postfix has input behind it for improper pipelining, also of a client that was offered PIPELINING (smtpd.c, <c>SMTPD_CMD_FLAG_LAST</c>).
    /// </summary>
    LastInGroup = 1 << 1,

    /// <summary>What comes behind it is never improper: it is no command of Postfix's, or the last one of its session.</summary>
    Unwatched = 1 << 2,

    /// <summary>It may come before TLS where TLS is required (smtpd.c, <c>SMTPD_CMD_FLAG_PRE_TLS</c>).</summary>
    BeforeTls = 1 << 3,

    /// <summary>It is limited by <c>smtpd_junk_command_limit</c> (smtpd.c, <c>SMTPD_CMD_FLAG_LIMIT</c>).</summary>
    Junk = 1 << 4,

    /// <summary>The same where the MTA takes it: Postfix never does.</summary>
    JunkIfTaken = 1 << 5,

    /// <summary>Postfix's restrictions can refuse it, and then log the refusal (smtpd_check.c).</summary>
    Restricted = 1 << 6,

    /// <summary>It never reaches the MTA: it would rewrite who the client is.</summary>
    NotForwarded = 1 << 7,

    /// <summary>What comes of it only the MTA knows; who says nothing of the kind needs no session with it.</summary>
    NeedsMta = 1 << 9,

    /// <summary>Another session with an MTA would have to say it again: its line is kept whole.</summary>
    Replayed = 1 << 8,
}
