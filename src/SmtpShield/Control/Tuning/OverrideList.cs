namespace SmtpShield.Control.Tuning;

/// <summary>
/// What operators have set: for each name a stack, of which the latest counts, and whose end brings back the one below. One that ends before the one above it
/// would never be seen again, and is not kept. Immutable.
/// </summary>
/// <param name="All">In the order they were set in.</param>
internal sealed record OverrideList(IReadOnlyList<Override> All)
{
    /// <summary>Overrides there may be.</summary>
    public const int Capacity = 100;

    /// <summary>Nothing is set.</summary>
    public static OverrideList Empty { get; } = new([]);

    /// <summary>The values that count.</summary>
    public IReadOnlyDictionary<string, string> Values
    {
        get
        {
            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var one in All)
                values[one.Name] = one.Value;
            return values;
        }
    }

    /// <summary>When the first one ends; null: none does.</summary>
    public DateTimeOffset? NextEnd => All.Min(static one => one.Until);

    /// <summary>The names, each once, in order.</summary>
    public IEnumerable<string> Names => All.Select(static one => one.Name).Distinct().Order(StringComparer.Ordinal);

    /// <summary>The one of a name that counts; null: none.</summary>
    public Override? Top(string name) => All.LastOrDefault(one => one.Name == name);

    /// <summary>Those of a name, the one that counts first.</summary>
    public IEnumerable<Override> Of(string name) => All.Where(one => one.Name == name).Reverse();

    /// <summary>With one more.</summary>
    public OverrideList With(Override added) =>
        new([.. All.Where(one => one.Name != added.Name || (added.Until is { } end && (one.Until is not { } until || until > end))), added]);

    /// <summary>Without all of a name.</summary>
    public OverrideList Without(string name) => new([.. All.Where(one => one.Name != name)]);

    /// <summary>With those of a name that another list has.</summary>
    public OverrideList WithThoseOf(OverrideList other, string name) => new([.. Without(name).All, .. other.All.Where(one => one.Name == name)]);

    /// <summary>Without those whose time is over.</summary>
    public OverrideList At(DateTimeOffset now) => All.All(one => one.IsInForce(now)) ? this : new([.. All.Where(one => one.IsInForce(now))]);
}
