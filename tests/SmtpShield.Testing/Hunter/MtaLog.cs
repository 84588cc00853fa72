namespace SmtpShield.Testing.Hunter;

/// <summary>
/// What a strict MTA took the octets it received for, and what it said. Its own account: the model compares it with what the client sent and got.
/// </summary>
internal sealed class MtaLog
{
    /// <summary>Commands, chunks, messages and SASL responses, in the order received. The last one may be incomplete.</summary>
    public List<MtaEvent> Events { get; } = [];

    /// <summary>Replies, in the order sent; the first one is the greeting.</summary>
    public List<MtaOutput> Outputs { get; } = [];

    /// <summary>A client was connected to it.</summary>
    public bool HasConnected { get; set; }

    /// <summary>It closed or reset the connection itself, so that replies it sent may be lost and commands unread.</summary>
    public bool HasClosed { get; set; }

    /// <summary>The output by which it has judged content before its end, the newest one; null before.</summary>
    public int? EarlyOutput { get; set; }

    /// <summary>It has fallen silent: nothing follows its last output.</summary>
    public bool IsSilent { get; set; }

    /// <summary>How many events had come when it said something nobody had asked for: what it takes those behind for is its own affair.</summary>
    public int EventsInTurn { get; set; } = int.MaxValue;

    /// <summary>What it said behind its 220 to STARTTLS.</summary>
    public string Tunnelled { get; set; } = "";
}

/// <summary>Something received.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Octets">A line without its CRLF, or content and chunks as they came.</param>
/// <param name="IsComplete">Its end has come.</param>
internal sealed record MtaEvent(MtaEventKind Kind, string Octets, bool IsComplete);

/// <summary>What was received.</summary>
internal enum MtaEventKind
{
    /// <summary>A command line, BDAT's too.</summary>
    Command,

    /// <summary>A response of a SASL exchange.</summary>
    SaslResponse,

    /// <summary>Message content behind a 354, its end included.</summary>
    Content,

    /// <summary>The octets behind BDAT.</summary>
    Chunk,

    /// <summary>All behind STARTTLS.</summary>
    Tunnel,
}

/// <summary>A reply.</summary>
/// <param name="Code">Its code; 0 for something that is no reply.</param>
/// <param name="Sent">Its octets.</param>
/// <param name="Relayed">As a client must get it: lines CRLF-ended, no CR inside. An EHLO reply before it is filtered.</param>
/// <param name="EventsBefore">How many events had been received whole when it was sent: an answer to the first event has 1 or more.</param>
internal sealed record MtaOutput(int Code, string Sent, string Relayed, int EventsBefore);
