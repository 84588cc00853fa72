namespace SmtpShield.PostfixConf.MainCf;

/// <summary>One parameter as the file sets it.</summary>
/// <param name="Name">The name, upper and lower case as written.</param>
/// <param name="Value">The value, not expanded.</param>
/// <param name="Line">The line the entry begins on, from 1.</param>
internal sealed record MainCfEntry(string Name, string Value, int Line);
