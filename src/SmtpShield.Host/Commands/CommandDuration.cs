using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Host.Commands;

/// <summary>Times on a command line: a number and one of <c>s m h d w</c>, and nothing behind it, for <c>1h30m</c> would be read as an hour.</summary>
internal static class CommandDuration
{
    /// <summary>Reads a time.</summary>
    /// <param name="text">The text; a bare number is in seconds.</param>
    /// <returns>Seconds; null: it is no time.</returns>
    public static long? Read(string text)
    {
        var digits = text.AsSpan().TrimEnd("smhdw");
        return digits.Length > 0 && text.Length - digits.Length <= 1 && !digits.ContainsAnyExceptInRange('0', '9')
            && PostfixTime.TryParse(text, 's', out var seconds) ? seconds : null;
    }
}
