using System.Buffers;

namespace SmtpShield.PostfixConf.Values;

/// <summary>What can be a host name, by the rules of Postfix's <c>valid_hostname()</c>.</summary>
internal static class HostName
{
    private const int MaxLength = 255;
    private const int MaxLabelLength = 63;
    private static readonly SearchValues<char> Numeric = SearchValues.Create("0123456789.");

    /// <summary>
    /// Whether the name has only letters, digits, <c>_</c> and inner hyphens in labels of 1 to 63, is not numeric, and has at most 255 characters.
    /// </summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= MaxLength && name.AsSpan().ContainsAnyExcept(Numeric) && name.Split('.').All(IsLabel);

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= MaxLabelLength && label[0] != '-' && label[^1] != '-' && label.All(c => Ascii.IsName(c) || c == '-');
}
