using System.Globalization;
using System.Text;

namespace SmtpShield.Baseline;

/// <summary>
/// A line of the file <c>baseline</c>: <c>SERVICE DAY UNIT LIMIT CLASS LARGEST BUCKET:COUNT …</c>, one histogram of one day.
/// </summary>
/// <param name="Service">Its service.</param>
/// <param name="Day">Days since 1970.</param>
/// <param name="Unit">Seconds of a window.</param>
/// <param name="Parameter">The limit's name.</param>
/// <param name="Whose">Of whom.</param>
/// <param name="Largest">The largest value.</param>
internal readonly record struct BaselineLine(string Service, long Day, int Unit, string Parameter, ClientClass Whose, int Largest)
{
    private const string Delivers = "delivers";
    private const string Other = "other";

    /// <summary>Writes one.</summary>
    /// <param name="head">What is in front.</param>
    /// <param name="filled">The buckets that are not empty.</param>
    public static string Write(in BaselineLine head, IEnumerable<(int Bucket, long Count)> filled)
    {
        var whose = head.Whose == ClientClass.Delivers ? Delivers : Other;
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{head.Service} {head.Day} {head.Unit} {head.Parameter} {whose} {head.Largest}");
        foreach (var (bucket, count) in filled)
            line.Append(CultureInfo.InvariantCulture, $" {bucket}:{count}");
        return line.ToString();
    }

    /// <summary>Reads one.</summary>
    /// <returns>False: it is none.</returns>
    public static bool TryRead(string line, out BaselineLine head, out IReadOnlyList<(int Bucket, uint Count)> filled)
    {
        (head, filled) = (default, []);
        if (line.Split(' ') is not [var service, var dayText, var unitText, var parameter, var whose, var largestText, .. var pairs]
            || whose is not (Delivers or Other)
            || !TryNumber(dayText, out var day) || !TryNumber(unitText, out var unit) || !TryNumber(largestText, out var largest))
        {
            return false;
        }

        var found = new List<(int, uint)>(pairs.Length);
        foreach (var pair in pairs)
        {
            if (pair.Split(':') is not [var bucketText, var countText] || !TryNumber(bucketText, out var bucket) || bucket >= LogLinear.Count
                || !uint.TryParse(countText, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                return false;
            }

            found.Add((bucket, count));
        }

        (head, filled) = (new(service, day, unit, parameter, whose == Delivers ? ClientClass.Delivers : ClientClass.Other, largest), found);
        return true;
    }

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
