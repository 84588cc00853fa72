namespace SmtpShield.Mta;

/// <summary>What is known of a destination.</summary>
internal enum UpstreamState : byte
{
    /// <summary>It serves.</summary>
    Up,

    /// <summary>It has enough to do: new sessions go elsewhere for a moment.</summary>
    Busy,

    /// <summary>It can't be reached: sessions go elsewhere until it can.</summary>
    Down,

    /// <summary>It was taken out by hand: what it has comes to its end, and nothing new begins.</summary>
    Drain,
}
