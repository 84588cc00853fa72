using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Shadow;

/// <summary>A client that shadowed limits would have hit. Not thread-safe: <see cref="ShadowBook"/> locks.</summary>
/// <param name="key">Who.</param>
/// <param name="place">Its place in the book.</param>
internal sealed class ShadowClient(AnvilKey key, int place)
{
    private const int Minute = 60;
    private const int MostLines = 10;

    private readonly List<ShadowClientRule> _rules = [];
    private int _minute = int.MinValue;
    private int _lines;

    /// <summary>Who.</summary>
    public AnvilKey Key => key;

    /// <summary>Its place in the book.</summary>
    public int Place => place;

    /// <summary>Its name, as when it was hit last; <c>unknown</c>: none is known.</summary>
    public string Name { get; set; } = ClientIdentity.UnknownName;

    /// <summary>Whether the MTA has accepted mail of it in the window of a hit, in the one before, or behind a hit.</summary>
    public bool Delivers { get; set; }

    /// <summary>What it was hit by.</summary>
    public IReadOnlyList<ShadowClientRule> Rules => _rules;

    /// <summary>Its part for one rule.</summary>
    /// <param name="rule">The rule's place.</param>
    public ShadowClientRule Of(int rule)
    {
        var known = _rules.Find(one => one.Rule == rule);
        if (known is null)
            _rules.Add(known = new(rule));
        return known;
    }

    /// <summary>Whether another line about it may be logged: ten a minute may.</summary>
    public bool MayLog(int second)
    {
        if (_minute == int.MinValue || second - (long)_minute >= Minute)
            (_minute, _lines) = (second, 0);
        return ++_lines <= MostLines;
    }
}
