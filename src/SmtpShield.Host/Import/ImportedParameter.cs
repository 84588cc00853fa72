using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Host.Import;

/// <summary>A Postfix setting and what becomes of it in the shield's configuration.</summary>
/// <param name="Setting">As Postfix has it.</param>
/// <param name="Value">The value written: Postfix's, or expanded.</param>
/// <param name="Refusal">Why the line is commented out and what to write instead; empty when it is in force.</param>
internal sealed record ImportedParameter(PostfixSetting Setting, string Value, string Refusal = "")
{
    /// <summary>Whether the line is in force.</summary>
    public bool IsTaken => Refusal.Length == 0;

    /// <summary>Whether references were replaced.</summary>
    public bool IsExpanded => IsTaken && Value != Setting.Value;

    /// <summary>The line.</summary>
    /// <param name="name">The name to write, which may be that of one service's.</param>
    public string Line(string name) => ImportText.Assignment(name, Value);

    /// <summary>The entry of the file that is made.</summary>
    public MainCfEntry Entry => new(Setting.Name, Value, Setting.Location.Line);
}
