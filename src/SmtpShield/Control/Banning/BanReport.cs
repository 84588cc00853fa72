using SmtpShield.Bans;

namespace SmtpShield.Control.Banning;

/// <summary>A ban.</summary>
/// <param name="Prefix">Who: an address or a network.</param>
/// <param name="State"><c>active</c>; <c>ended</c>: its time is over, and it is remembered for its level; <c>lifted</c>, in an event only.</param>
/// <param name="Until">When it ends, or ended.</param>
/// <param name="Level">How many bans of this prefix there were lately, this one included; 0: by hand.</param>
internal sealed record BanReport(string Prefix, string State, DateTimeOffset Until, int Level)
{
    /// <summary>It holds.</summary>
    public const string Active = "active";

    /// <summary>It is over.</summary>
    public const string Over = "ended";

    /// <summary>It was lifted.</summary>
    public const string Lifted = "lifted";

    /// <summary>When this happened, in an event; null: it is no event.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>Since when.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary><c>auto</c> or <c>manual</c>.</summary>
    public string? Origin { get; init; }

    /// <summary>The rule whose last hit led to it; null: by hand.</summary>
    public string? Rule { get; init; }

    /// <summary>How many hits there were.</summary>
    public int? Hits { get; init; }

    /// <summary>Connections and sessions it has ended, since the shield was started.</summary>
    public long? Refused { get; init; }

    /// <summary>Who said so.</summary>
    public string? By { get; init; }

    /// <summary>Why.</summary>
    public string? Why { get; init; }

    /// <summary>As it is kept.</summary>
    public static BanReport Of(Ban ban) => new($"{ban.Prefix}", Active, ban.Until, ban.Level)
    {
        Since = ban.Since,
        Origin = ban.Origin.Word(),
        Rule = ban.Origin == BanOrigin.Auto ? ban.Rule : null,
        Hits = ban.Origin == BanOrigin.Auto ? ban.Hits : null,
        Refused = ban.Refused,
        By = ban.By,
        Why = ban.Why,
    };
}
