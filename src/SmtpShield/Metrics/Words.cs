using System.Text.Json;

namespace SmtpShield.Metrics;

/// <summary>The values of labels that are choices: <c>end_of_data</c> for <c>EndOfData</c>.</summary>
internal static class Words
{
    /// <summary>A word for each value of a choice, in its order.</summary>
    public static string[] Of<T>() where T : struct, Enum => [.. Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];
}
