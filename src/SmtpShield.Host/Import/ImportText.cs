using System.Text;

namespace SmtpShield.Host.Import;

/// <summary>Text of the file that is made, line by line.</summary>
internal sealed class ImportText
{
    private const int Width = 118;

    private readonly StringBuilder _text = new();

    /// <summary>What sets a value.</summary>
    public static string Assignment(string name, string value) => value.Length == 0 ? $"{name} =" : $"{name} = {value}";

    /// <summary>A blank line and a heading.</summary>
    public void Heading(string text) =>
        _text.Append("\n# ---- ").Append(Shown(text)).Append(' ').Append('-', Math.Max(4, Width - 8 - text.Length)).Append("\n\n");

    /// <summary>A line in force.</summary>
    public void Line(string text) => _text.Append(text).Append('\n');

    /// <summary>A line that is not in force: without its <c>#</c> it would be.</summary>
    public void Disabled(string text) => Line("#" + text);

    /// <summary>A command line, which can be found by its mark.</summary>
    public void Command(string text) => Line("#$ " + text);

    /// <summary>A blank line.</summary>
    public void Blank() => Line("");

    /// <summary>A comment, folded at blanks.</summary>
    /// <param name="text">The text.</param>
    /// <param name="indentation">What further lines begin with.</param>
    public void Comment(string text, string indentation = "")
    {
        var length = 1;
        _text.Append('#');
        foreach (var word in Shown(text).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (length > 1 + indentation.Length && length + 1 + word.Length > Width)
            {
                _text.Append("\n#").Append(indentation);
                length = 1 + indentation.Length;
            }
            _text.Append(' ').Append(word);
            length += 1 + word.Length;
        }
        _text.Append('\n');
    }

    // What comes from a file may contain what a terminal obeys.
    private static string Shown(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
