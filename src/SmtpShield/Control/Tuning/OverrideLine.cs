using System.Globalization;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// A line of the file <c>overrides</c>: name, since, until or <c>-</c>, who, why, value, with tabs between them. None of these has a tab in it, for all are
/// printable ASCII.
/// </summary>
internal static class OverrideLine
{
    private const string Never = "-";
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>An override as a line.</summary>
    public static string Write(Override one) =>
        string.Join('\t', one.Name, Text(one.Since), one.Until is { } until ? Text(until) : Never, one.By, one.Why ?? "", one.Value);

    /// <summary>Reads a line. Whether its parameter exists, and may have that value, is another question.</summary>
    /// <returns>Null: it is none.</returns>
    public static Override? Read(string line)
    {
        if (line.Split('\t') is not [{ Length: > 0 } name, var since, var until, var by, var why, var value]
            || line.Replace('\t', ' ').AsSpan().ContainsAnyExceptInRange(' ', '~') || Time(since) is not { } from || (until != Never && Time(until) is null))
        {
            return null;
        }

        return new(name, value, from, until == Never ? null : Time(until), by, why.Length > 0 ? why : null);
    }

    /// <summary>A time as lines of the file and of the log have it.</summary>
    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);

    private static DateTimeOffset? Time(string text) =>
        DateTimeOffset.TryParseExact(text, Format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
