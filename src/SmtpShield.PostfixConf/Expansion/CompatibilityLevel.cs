using System.Globalization;

namespace SmtpShield.PostfixConf.Expansion;

/// <summary>
/// A Postfix <c>compatibility_level</c>, <c>major[.minor[.patch]]</c>: the operands of <c>&lt;level</c> and its sisters in values copied from Postfix.
/// </summary>
internal static class CompatibilityLevel
{
    /// <summary>The level as one number that orders like the level.</summary>
    public static bool TryParse(string text, out long level)
    {
        level = 0;
        var parts = text.Split('.');
        if (parts.Length > 3)
            return false;
        for (var i = 0; i < 3; i++)
        {
            var part = 0;
            if (i < parts.Length && (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out part) || part > 1023))
                return false;
            level = (level << 10) + part;
        }
        return true;
    }
}
