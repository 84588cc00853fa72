using Spectre.Console;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Prints to a terminal a person looks at: columns that fit into its width, whose texts go on below where they must, and what is wrong in colour, unless
/// <c>NO_COLOR</c> is set. Lines are not broken, so what is to be copied from them stays whole. Texts go in as texts, printable ones, never as markup.
/// </summary>
/// <param name="console">The terminal.</param>
/// <param name="writer">The same, for lines.</param>
/// <param name="zone">Of times.</param>
internal sealed class TerminalOutput(IAnsiConsole console, TextWriter writer, TimeZoneInfo zone) : PlainOutput(writer, zone)
{
    private const string Red = "\u001B[31m";
    private const string Reset = "\u001B[0m";

    private static readonly string[] _words = ["LIMITED", "attention:", "error:"];

    private readonly bool _hasColors = console.Profile.Capabilities is { Ansi: true, ColorSystem: not ColorSystem.NoColors };

    /// <summary>A terminal, if that is what a command prints to; else plain output.</summary>
    /// <param name="writer">Where the command prints to.</param>
    /// <param name="zone">Of times.</param>
    public static PlainOutput Of(TextWriter writer, TimeZoneInfo zone) =>
        !ReferenceEquals(writer, Console.Out) || Console.IsOutputRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb"
            ? new PlainOutput(writer, zone)
            : new TerminalOutput(AnsiConsole.Console, writer, zone);

    /// <inheritdoc />
    public override void Line(string text)
    {
        var line = Printable(text);
        if (_hasColors && Array.Find(_words, word => line.Contains(word, StringComparison.Ordinal)) is { } found)
            line = line.Replace(found, $"{Red}{found}{Reset}", StringComparison.Ordinal);
        Writer.WriteLine(line);
    }

    /// <inheritdoc />
    public override void Table(IReadOnlyList<OutputColumn> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var column in head)
        {
            table.AddColumn(new TableColumn(new Text(column.Name, new Style(decoration: Decoration.Bold))).PadLeft(0).PadRight(2)
                .Alignment(column.IsNumber ? Justify.Right : Justify.Left));
        }

        foreach (var row in rows)
            table.AddRow(row.Select(static text => new Text(text.Length > 0 ? Printable(text) : Nothing, StyleOf(text))));
        console.Write(table);
    }

    private static Style StyleOf(string text) => text switch
    {
        "limited" or "down" => new(Color.Red),
        "near" or "busy" or "drain" => new(Color.Yellow),
        _ => Style.Plain,
    };
}
