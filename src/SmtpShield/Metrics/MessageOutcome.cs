namespace SmtpShield.Metrics;

/// <summary>What became of a message, or of a recipient.</summary>
internal enum MessageOutcome : byte
{
    /// <summary>2xx.</summary>
    Accepted,

    /// <summary>5xx.</summary>
    Refused,

    /// <summary>4xx.</summary>
    Deferred,

    /// <summary>The session has ended without a reply.</summary>
    Aborted,
}

/// <summary>Which outcome a reply is.</summary>
internal static class MessageOutcomes
{
    /// <summary>The outcome of a final reply.</summary>
    public static MessageOutcome Of(int code) => code switch
    {
        < 400 => MessageOutcome.Accepted,
        < 500 => MessageOutcome.Deferred,
        _ => MessageOutcome.Refused,
    };
}
