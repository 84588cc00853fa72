using System.Globalization;
using System.Text;

namespace SmtpShield.Host.Manual;

/// <summary>Text for roff, as man(7) has it: so written that it is shown as it is, by groff and mandoc alike.</summary>
internal static class Roff
{
    /// <summary>A line of text. What begins it is no request.</summary>
    public static string Line(string text) => text.Length > 0 && text[0] is '.' or '\'' ? $@"\&{Escape(text)}" : Escape(text);

    /// <summary>A part of a line.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            escaped.Append(rune.Value switch
            {
                '\\' => @"\e",
                '-' => @"\-",
                '\'' => @"\(aq",
                '`' => @"\(ga",
                '"' => @"\(dq",
                '^' => @"\(ha",
                '~' => @"\(ti",
                '→' => @"\(->",
                '–' => @"\(en",
                '…' => "...",
                '×' => @"\(mu",
                '≤' => @"\(<=",
                '≥' => @"\(>=",
                < 127 => ((char)rune.Value).ToString(),
                var other => string.Create(CultureInfo.InvariantCulture, $@"\[u{other:X4}]"),
            });
        }

        return escaped.ToString();
    }

    /// <summary>In bold, as what is typed.</summary>
    public static string Bold(string text) => $@"\fB{Escape(text)}\fR";

    /// <summary>In italics, as what stands for something else.</summary>
    public static string Italic(string text) => $@"\fI{Escape(text)}\fR";
}
