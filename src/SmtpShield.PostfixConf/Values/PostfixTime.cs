using System.Globalization;

namespace SmtpShield.PostfixConf.Values;

/// <summary>Times as main.cf writes them: a number and one of <c>s m h d w</c> (Postfix <c>global/conv_time.c</c>).</summary>
internal static class PostfixTime
{
    /// <summary>The longest time, 49 days: what the timers of .NET can wait. Postfix has no bound but that of an integer.</summary>
    public const int MaxSeconds = 49 * 24 * 3600;

    /// <summary>Reads a time.</summary>
    /// <param name="text">The text; what stands behind the unit's letter is ignored, as in <c>5min</c>.</param>
    /// <param name="defaultUnit">The unit of a bare number.</param>
    /// <param name="seconds">The time in seconds.</param>
    public static bool TryParse(string text, char defaultUnit, out long seconds)
    {
        seconds = 0;
        var number = text.AsSpan().TrimStart(Ascii.Space);
        var end = 0;
        if (number is ['+' or '-', ..])
            end++;
        while (end < number.Length && char.IsAsciiDigit(number[end]))
            end++;
        if (!int.TryParse(number[..end], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count) || count < 0)
            return false;
        var unit = UnitSeconds(end < number.Length ? number[end] : defaultUnit);
        seconds = (long)count * unit;
        return unit > 0 && seconds <= int.MaxValue;
    }

    private static int UnitSeconds(char unit) => unit switch
    {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => 0,
    };
}
