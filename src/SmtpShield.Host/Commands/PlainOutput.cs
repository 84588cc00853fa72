using System.Globalization;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Prints plain lines and columns, nothing cut, no colour, for pipes. What is not printable ASCII comes out as <c>?</c>, so nothing that a client or an MTA has
/// said is a sequence for a terminal.
/// </summary>
/// <param name="writer">Where to.</param>
/// <param name="zone">Of times.</param>
internal class PlainOutput(TextWriter writer, TimeZoneInfo zone)
{
    /// <summary>What stands where nothing is known.</summary>
    public const string Nothing = "-";

    private const string Gap = "  ";

    /// <summary>Where it prints to.</summary>
    protected TextWriter Writer => writer;

    /// <summary>A line.</summary>
    public virtual void Line(string text) => writer.WriteLine(Printable(text));

    /// <summary>Columns, as wide as they must be; the last one, which alone may have blanks in it, ends with its line.</summary>
    /// <param name="head">Their names.</param>
    /// <param name="rows">As many texts as names; an empty one is <see cref="Nothing"/>.</param>
    public void Table(IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows) =>
        Table([.. head.Select(static name => new OutputColumn(name))], rows);

    /// <summary>The same, where more is to be said of columns than their names.</summary>
    /// <param name="head">The columns.</param>
    /// <param name="rows">As many texts as columns.</param>
    public virtual void Table(IReadOnlyList<OutputColumn> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<string[]> all =
        [
            [.. head.Select(static column => column.Name)],
            .. rows.Select(static row => row.Select(static text => text.Length > 0 ? Printable(text) : Nothing).ToArray()),
        ];
        var widths = head.Select((column, index) => Math.Max(column.Least, all.Max(row => row[index].Length))).ToList();
        foreach (var row in all)
        {
            writer.WriteLine(string.Join(
                Gap, row.Select((text, index) => head[index].IsNumber ? text.PadLeft(widths[index]) : text.PadRight(widths[index]))).TrimEnd());
        }
    }

    /// <summary>A time without blanks: <c>2026-11-27T22:05:25</c>, with a <c>Z</c> in UTC.</summary>
    public string Time(DateTimeOffset? time) => time is not { } known ? ""
        : TimeZoneInfo.ConvertTime(known, zone).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture) + (zone == TimeZoneInfo.Utc ? "Z" : "");

    /// <summary>The same for a sentence: of the day it is, the time alone, <c>22:05:25</c>.</summary>
    /// <param name="time">The time.</param>
    /// <param name="now">When what is printed was so; null: that is not known.</param>
    public string TimeAt(DateTimeOffset? time, DateTimeOffset? now) =>
        time is { } known && now is { } day && TimeZoneInfo.ConvertTime(known, zone).Date == TimeZoneInfo.ConvertTime(day, zone).Date
            ? Time(time)["yyyy-MM-ddT".Length..] : Time(time);

    /// <summary>A text in which nothing is a sequence.</summary>
    protected static string Printable(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++)
            span[i] = source[i] is >= ' ' and <= '~' ? source[i] : '?';
    });
}
