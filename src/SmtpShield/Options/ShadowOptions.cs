namespace SmtpShield.Options;

/// <summary>Which limits are judged without any effect.</summary>
public sealed record ShadowOptions
{
    /// <summary>Limits in shadow: what they would do is logged and counted, and nothing is done.</summary>
    /// <value>
    /// Empty (default); <c>all</c>; names; <c>!name</c>; <c>name=value</c>, which judges the value beside the one in force. For all clients but those in
    /// <c>smtpd_client_event_limit_exceptions</c>.
    /// </value>
    [ConfigurationKeyName("shield_shadow")]
    public ShadowList Rules { get; init; } = ShadowList.None;
}
