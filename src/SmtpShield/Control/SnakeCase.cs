using System.Text.Json;

namespace SmtpShield.Control;

/// <summary>Values of enumerations as the API writes them: <c>auth_failures</c>.</summary>
internal static class SnakeCase
{
    /// <summary>A value's word.</summary>
    public static string Word<T>(this T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>Reads a word of a query.</summary>
    /// <param name="text">The word.</param>
    /// <param name="parameter">The parameter it is the value of.</param>
    /// <exception cref="ControlException">There is no such word.</exception>
    public static T Parse<T>(string text, string parameter) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (value.Word() == text)
                return value;
        }

        throw ControlException.BadRequest($"no such {parameter}: {AddressText.Shown(text)}",
            $"there are {string.Join(", ", Enum.GetValues<T>().Select(static value => value.Word()))}", parameter);
    }
}
