namespace SmtpShield.Control.Events;

/// <summary>What an event of the stream is about. Its word is the event's name.</summary>
internal enum StreamTopic
{
    /// <summary>The newest point of all series, once a second.</summary>
    Stats,

    /// <summary>A limit has refused something to a client.</summary>
    Limited,

    /// <summary>An operator has let a client in.</summary>
    Released,

    /// <summary>A client is banned.</summary>
    Ban,

    /// <summary>A client is not banned any more.</summary>
    Unban,

    /// <summary>An operator has changed something, or was refused to.</summary>
    Change,

    /// <summary>An MTA has another state.</summary>
    Upstream,

    /// <summary>A service is under stress, or not any more.</summary>
    Stress,

    /// <summary>A line of the log.</summary>
    Log,
}
