namespace SmtpShield.Control.Exempt;

/// <summary>Why a client is exempt.</summary>
/// <param name="List"><c>smtpd_client_event_limit_exceptions</c>; <c>allow</c>: an operator said so.</param>
/// <param name="Element">Which element of it.</param>
internal sealed record ExemptBy(string List, string Element)
{
    /// <summary>When it ends; null: with the configuration.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Who said so.</summary>
    public string? By { get; init; }

    /// <summary>Why.</summary>
    public string? Why { get; init; }
}
