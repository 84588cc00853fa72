namespace SmtpShield.PostfixConf.Expansion;

/// <summary>A value after expansion, or what is wrong with it.</summary>
/// <param name="Text">The text; what was expanded before the error when there is one.</param>
/// <param name="Error">Postfix's words for the error; empty on success.</param>
internal readonly record struct ExpansionResult(string Text, string Error)
{
    /// <summary>Whether the text is the whole value.</summary>
    public bool Succeeded => Error.Length == 0;
}
