using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Parameters;

/// <summary>Where each value in force was set: a copy, for those who must not wait for a reload.</summary>
/// <param name="names">The names that are set, as they are written, and where.</param>
internal sealed class ParameterOrigins(IReadOnlyDictionary<string, SourceLocation> names)
{
    /// <summary>Where a service's value of a parameter was set.</summary>
    public SourceLocation Of(string service, string name) =>
        names.TryGetValue(ServiceParameter.Write(service, name), out var location) || names.TryGetValue(name, out location)
            ? location : SourceLocation.Default;
}
