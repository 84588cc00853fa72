namespace SmtpShield.PostfixConf.MasterCf;

/// <summary>Splits a line of master.cf at blanks; braces protect what is in them (Postfix <c>util/argv_splitq.c</c>).</summary>
internal static class MasterCfWords
{
    /// <summary>All words; one that begins with a brace goes to the end of the line when it is never closed.</summary>
    public static List<string> Split(string line)
    {
        var words = new List<string>();
        for (var position = 0; position < line.Length;)
        {
            if (Ascii.IsSpace(line[position]))
            {
                position++;
                continue;
            }
            var end = EndOfWord(line, position);
            words.Add(line[position..end]);
            position = end;
        }
        return words;
    }

    private static int EndOfWord(string line, int start)
    {
        var level = 0;
        var end = start;
        for (; end < line.Length && (level > 0 || !Ascii.IsSpace(line[end])); end++)
        {
            if (line[end] == '{')
                level++;
            else if (line[end] == '}' && level > 0)
                level--;
        }
        return end;
    }
}
