using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Import;

/// <summary>A parameter as Postfix has it set, by main.cf or by a service's <c>-o</c>.</summary>
/// <param name="Name">The name.</param>
/// <param name="Value">The value, not expanded; blanks and line ends in it are one blank, as postconf(1) prints it.</param>
/// <param name="Location">Where it is set.</param>
/// <param name="IsOverride">Whether it is set for one service only.</param>
internal sealed record PostfixSetting(string Name, string Value, SourceLocation Location, bool IsOverride);
