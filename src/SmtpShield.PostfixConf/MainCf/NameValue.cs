namespace SmtpShield.PostfixConf.MainCf;

/// <summary>The two sides of <c>name = value</c>, blanks around each removed (Postfix <c>util/split_nameval.c</c>).</summary>
internal readonly record struct NameValue(string Name, string Value)
{
    /// <summary>Splits an assignment.</summary>
    /// <param name="text">The assignment.</param>
    /// <param name="assignment">Its two sides.</param>
    /// <param name="error">Postfix's words for what is missing; empty on success.</param>
    public static bool TrySplit(ReadOnlySpan<char> text, out NameValue assignment, out string error)
    {
        assignment = default;
        text = text.TrimStart(Ascii.Space);
        if (text.IsEmpty || text[0] == '=')
        {
            error = "missing attribute name";
            return false;
        }
        var end = text.IndexOfAny(Ascii.Space + "=");
        var rest = end < 0 ? [] : text[end..].TrimStart(Ascii.Space);
        if (rest.IsEmpty || rest[0] != '=')
        {
            error = "missing '=' after attribute name";
            return false;
        }
        assignment = new NameValue(text[..end].ToString(), rest[1..].Trim(Ascii.Space).ToString());
        error = "";
        return true;
    }
}
