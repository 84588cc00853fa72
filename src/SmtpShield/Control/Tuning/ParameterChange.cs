namespace SmtpShield.Control.Tuning;

/// <summary>What a change has made of a parameter at one service.</summary>
/// <param name="Service">The service.</param>
/// <param name="Name">The parameter.</param>
/// <param name="Before">Its value before, expanded.</param>
/// <param name="After">Its value now, or what it would be.</param>
/// <param name="Origin">Where that was set.</param>
/// <param name="Own">Whether the service has a value of its own.</param>
/// <param name="Applies">Whether the change was about the value the service goes by; if not, it has one of its own, and keeps it.</param>
internal sealed record ParameterChange(string Service, string Name, string Before, string After, string Origin, bool Own, bool Applies)
{
    /// <summary>When the value ends by itself.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Who is over it now; null: it is no limit on a client, or does not change.</summary>
    public OverReport? Over { get; init; }

    /// <summary>How many sessions are over it now, or at it, where it is a limit inside each; null: it is none of sessions, or does not change.</summary>
    public int? OverSessions { get; init; }
}
