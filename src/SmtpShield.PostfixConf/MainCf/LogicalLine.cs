namespace SmtpShield.PostfixConf.MainCf;

/// <summary>One logical line: a physical line with the indented lines that continue it; comments and blank lines left out.</summary>
/// <param name="Text">The text; line ends dropped, indentation kept.</param>
/// <param name="First">The number of the physical line it begins on, from 1.</param>
/// <param name="Last">The number of its last physical line.</param>
internal readonly record struct LogicalLine(string Text, int First, int Last);
