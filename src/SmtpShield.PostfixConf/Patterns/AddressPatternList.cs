using System.Net;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>
/// A Postfix match list of clients: addresses, CIDR ranges, host names; the first element that matches decides, <c>!</c> negates
/// it. Matching allocates nothing.
/// </summary>
public sealed class AddressPatternList
{
    private readonly AddressPattern[] _patterns;

    internal AddressPatternList(AddressPattern[] patterns) => _patterns = patterns;

    /// <summary>The list that matches nobody.</summary>
    public static AddressPatternList Empty { get; } = new([]);

    /// <summary>Whether nothing is on the list.</summary>
    public bool IsEmpty => _patterns.Length == 0;

    /// <summary>The host names on the list, and with a leading dot the domains.</summary>
    internal IEnumerable<string> Names => _patterns.OfType<HostnamePattern>().Select(pattern => pattern.Name);

    /// <summary>The single addresses on the list: neither those of networks nor those that <c>!</c> takes out.</summary>
    internal IEnumerable<IPAddress> Addresses =>
        _patterns.OfType<RangePattern>().Where(pattern => !pattern.IsNegated).Select(pattern => pattern.Range.Single).OfType<IPAddress>();

    /// <summary>The addresses and networks on the list as one would write them, those that <c>!</c> takes out left away.</summary>
    internal IEnumerable<string> Ranges => _patterns.OfType<RangePattern>().Where(pattern => !pattern.IsNegated).Select(static pattern => pattern.Text);

    /// <summary>Whether it has elements that are no addresses and networks.</summary>
    internal bool HasOthers => _patterns.Any(static pattern => pattern is not RangePattern);

    /// <summary>Parses a list as it stands in the configuration, <c>$name</c> already expanded. Files it names are read.</summary>
    /// <exception cref="FormatException">The list is wrong; the message names every error.</exception>
    public static AddressPatternList Parse(string text)
    {
        var problems = new List<ConfigurationProblem>();
        var list = AddressPatternListParser.Parse(text, "", new SourceLocation("address list"), problems, new());
        var errors = problems.Where(problem => problem.Severity == ProblemSeverity.Error).ToList();
        return errors.Count == 0 ? list : throw new FormatException(string.Join(Environment.NewLine, errors));
    }

    /// <summary>Whether the client is on the list.</summary>
    /// <param name="address">The client's address; IPv4-mapped IPv6 counts as IPv4.</param>
    /// <param name="hostname">The client's verified name, or <c>unknown</c>.</param>
    public bool Matches(IPAddress address, string hostname) => Deciding(address, hostname) is { IsNegated: false };

    /// <summary>Which element puts the client on the list, as one would write it; null: it is not on it.</summary>
    /// <inheritdoc cref="Matches"/>
    public string? ElementOf(IPAddress address, string hostname) => Deciding(address, hostname) is { IsNegated: false } element ? element.Text : null;

    private AddressPattern? Deciding(IPAddress address, string hostname)
    {
        if (_patterns.Length == 0)
            return null;
        var bits = AddressBits.From(address);
        foreach (var pattern in _patterns)
        {
            if (pattern.Covers(bits, hostname))
                return pattern;
        }
        return null;
    }
}
