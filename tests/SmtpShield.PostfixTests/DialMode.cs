namespace SmtpShield.PostfixTests;

/// <summary>When a shield dials the MTA for the clients of a dialogue: they must not notice.</summary>
/// <param name="Name">What its services are called, behind the dialogue's name.</param>
/// <param name="Parameters">What its services have.</param>
public sealed record DialMode(string Name, IReadOnlyDictionary<string, string> Parameters)
{
    /// <summary>At once.</summary>
    public static DialMode AtOnce { get; } = new("", new Dictionary<string, string>());

    /// <summary>When a command needs it.</summary>
    public static DialMode Late { get; } = new("-late", new Dictionary<string, string> { ["shield_upstream_connect"] = "mail" });

    /// <summary>The same, and its session is given back behind every command it can be given back behind: half of two is pressure.</summary>
    public static DialMode Released { get; } = new("-released", new Dictionary<string, string>
    {
        ["shield_upstream_connect"] = "mail",
        ["shield_upstream_session_limit"] = "2",
        ["shield_upstream_reserve"] = "0",
        ["shield_upstream_client_share"] = "0",
        ["shield_upstream_idle_release"] = "0s",
    });

    /// <summary>When a command needs it, and sessions that clients leave behind a message go on with others.</summary>
    public static DialMode Reused { get; } = new("-reused", new Dictionary<string, string>
    {
        ["shield_upstream_connect"] = "mail",
        ["shield_upstream_reuse"] = "yes",
    });

    /// <summary>All whose clients notice nothing of it.</summary>
    public static IReadOnlyList<DialMode> All { get; } = [AtOnce, Late, Released];

    /// <summary>The service for a dialogue.</summary>
    public string ServiceOf(string dialogue) => dialogue + Name;

    /// <inheritdoc/>
    public override string ToString() => Name.Length == 0 ? "dialed at once" : $"dialed {Name[1..]}";
}
