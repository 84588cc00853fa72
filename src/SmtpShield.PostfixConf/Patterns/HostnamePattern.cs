using SmtpShield.PostfixConf.Values;

namespace SmtpShield.PostfixConf.Patterns;

/// <summary>A host name, or with a leading dot all names below a domain.</summary>
internal sealed class HostnamePattern(string name) : AddressPattern
{
    private readonly bool _isDomain = name.StartsWith('.');

    /// <summary>The name, as written.</summary>
    public string Name => name;

    /// <inheritdoc/>
    public override string Text => name;

    /// <inheritdoc/>
    public override bool Covers(AddressBits address, string hostname) => _isDomain
        ? hostname.Length > name.Length && hostname.EndsWith(name, StringComparison.OrdinalIgnoreCase)
        : hostname.Equals(name, StringComparison.OrdinalIgnoreCase);
}
