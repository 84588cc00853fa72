using System.Text;

namespace SmtpShield.PostfixConf.Editing;

/// <summary>Changes entries of a main.cf text and leaves every other octet as it is (Postfix <c>postconf/postconf_edit.c</c>).</summary>
internal static class MainCfEditor
{
    /// <summary>Applies an edit.</summary>
    /// <param name="text">The text; line ends and comments are kept.</param>
    /// <param name="edit">What to do.</param>
    /// <param name="changes">The names, with the values for <see cref="MainCfEdit.Set"/>.</param>
    /// <param name="multiple">Receives the names that had more than one entry.</param>
    public static string Apply(string text, MainCfEdit edit, IReadOnlyDictionary<string, string> changes, ICollection<string> multiple)
    {
        var result = new StringBuilder(text.Length + 100);
        var found = new Dictionary<string, int>(StringComparer.Ordinal);
        var isChanging = false;
        foreach (var line in Lines(text))
        {
            if (IsComment(line))
            {
                result.Append(line);
            }
            else if (Ascii.IsSpace(line[0]))
            {
                if (!isChanging)
                    result.Append(line);
                else if (edit == MainCfEdit.CommentOut)
                    result.Append('#').Append(line);
            }
            else
            {
                var name = NameOf(line);
                isChanging = changes.TryGetValue(name, out var value);
                if (isChanging)
                    Replace(result, line, name, value, edit, found, multiple);
                else
                    result.Append(line);
            }
        }
        if (edit == MainCfEdit.Set)
        {
            foreach (var (name, value) in changes.Where(change => !found.ContainsKey(change.Key)).OrderBy(change => change.Key, StringComparer.Ordinal))
                EndLine(result).Append(name).Append(" = ").Append(value).Append('\n');
        }
        return result.ToString();
    }

    private static void Replace(StringBuilder result, string line, string name, string? value, MainCfEdit edit, Dictionary<string, int> found,
        ICollection<string> multiple)
    {
        found[name] = found.GetValueOrDefault(name) + 1;
        if (found[name] == 2)
            multiple.Add(name);
        if (edit == MainCfEdit.Set)
            result.Append(name).Append(" = ").Append(value).Append('\n');
        else if (edit == MainCfEdit.CommentOut)
            result.Append('#').Append(line);
    }

    // Postfix 3.7 appends to a last line without a line end; later releases end it, too.
    private static StringBuilder EndLine(StringBuilder text) => text.Length > 0 && text[^1] != '\n' ? text.Append('\n') : text;

    // Each with its line end.
    private static IEnumerable<string> Lines(string text)
    {
        for (var position = 0; position < text.Length;)
        {
            var end = text.IndexOf('\n', position);
            yield return end < 0 ? text[position..] : text[position..(end + 1)];
            position = end < 0 ? text.Length : end + 1;
        }
    }

    private static bool IsComment(string line)
    {
        var content = line.AsSpan().TrimStart(Ascii.Space);
        return content.IsEmpty || content[0] == '#';
    }

    private static string NameOf(string line) => line.AsSpan().IndexOfAny(Ascii.Space + "=") is >= 0 and var end ? line[..end] : line;
}
