using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Commands;

/// <summary>A host name that must have an address.</summary>
/// <param name="Location">Whose it is.</param>
/// <param name="Parameter">The parameter it is in.</param>
/// <param name="Name">The name.</param>
/// <param name="Consequence">What it means when it has none, and what to do.</param>
internal sealed record HostNameInUse(SourceLocation Location, string Parameter, string Name, string Consequence);
