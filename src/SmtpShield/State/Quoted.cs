using System.Text;

namespace SmtpShield.State;

/// <summary>Printable ASCII between double quotes, where <c>\</c> stands before a quote or a backslash inside; as a word of a line.</summary>
internal static class Quoted
{
    /// <summary>Quotes.</summary>
    public static string Text(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    /// <summary>Takes a quoted word off the beginning of what is left of a line, and the blank behind it.</summary>
    /// <returns>False: there is none.</returns>
    public static bool TryTake(ref ReadOnlySpan<char> line, out string text)
    {
        text = "";
        if (line is not ['"', ..])
            return false;
        var found = new StringBuilder();
        for (var i = 1; i < line.Length; i++)
        {
            switch (line[i])
            {
                case '"':
                    line = line[(i + 1)..].TrimStart(' ');
                    text = found.ToString();
                    return true;
                case '\\' when i + 1 < line.Length:
                    found.Append(line[++i]);
                    break;
                case >= ' ' and <= '~' and not '\\':
                    found.Append(line[i]);
                    break;
                default:
                    return false;
            }
        }

        return false;
    }
}
