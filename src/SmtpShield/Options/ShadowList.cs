namespace SmtpShield.Options;

/// <summary>Limits that are to be in shadow, as <c>shield_shadow</c> has them; the order of its words says nothing.</summary>
/// <param name="HasAll">All that may be.</param>
/// <param name="Names">Those named.</param>
/// <param name="Excluded">Those that are not, although all are.</param>
/// <param name="Candidates">Values that are judged beside those in force, by name.</param>
public sealed record ShadowList(
    bool HasAll, IReadOnlySet<string> Names, IReadOnlySet<string> Excluded, IReadOnlyDictionary<string, object> Candidates)
{
    /// <summary>None.</summary>
    public static ShadowList None { get; } = new(false, new HashSet<string>(), new HashSet<string>(), new Dictionary<string, object>());

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => !HasAll && Names.Count == 0 && Candidates.Count == 0;

    /// <summary>Whether a limit is judged in shadow, by whichever value.</summary>
    public bool Has(string name) => Candidates.ContainsKey(name) || Takes(name);

    /// <summary>Whether a limit's own value has no effect, and is judged in shadow.</summary>
    public bool Takes(string name) => !Candidates.ContainsKey(name) && (Names.Contains(name) || (HasAll && !Excluded.Contains(name)));
}
