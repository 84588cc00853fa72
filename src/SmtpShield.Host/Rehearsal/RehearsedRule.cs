namespace SmtpShield.Host.Rehearsal;

/// <summary>What one limit has done in a rehearsal.</summary>
/// <param name="name">Its parameter.</param>
/// <param name="value">Its value; that in shadow where it is in shadow.</param>
/// <param name="isInShadow">Whether it is only judged.</param>
internal sealed class RehearsedRule(string name, string value, bool isInShadow)
{
    /// <summary>Its parameter.</summary>
    public string Name => name;

    /// <summary>Its value; that in shadow where it is in shadow.</summary>
    public string Value => value;

    /// <summary>Whether it is only judged.</summary>
    public bool IsInShadow => isInShadow;

    /// <summary>How often attackers have hit it.</summary>
    public long OnAttackers { get; set; }

    /// <summary>How often normal clients have.</summary>
    public long OnNormal { get; set; }

    /// <summary>Whether normal clients hit it with the errors that another limit's refusals are: it says nothing of its own.</summary>
    public bool IsBehindAnother { get; set; }

    /// <summary>The attacks it was hit in by attackers.</summary>
    public List<string> Attacks { get; } = [];

    /// <summary>Its name in the report.</summary>
    public string Label => IsInShadow ? $"{name} (shadow)" : name;

    /// <summary>What is to be thought of it.</summary>
    public string Verdict => (OnNormal, OnAttackers) switch
    {
        ( > 0, _) when IsBehindAnother => "hit behind another limit",
        ( > 0, _) => IsInShadow ? "WOULD HIT NORMAL TRAFFIC" : "HITS NORMAL TRAFFIC",
        (_, > 0) => $"{(IsInShadow ? "would stop" : "stops")} {string.Join(", ", Attacks)}",
        _ => "never fired",
    };
}
