namespace SmtpShield.Host.Commands;

/// <summary>Paths of the control API with a query.</summary>
internal static class ResourceQuery
{
    /// <summary>A path with those parameters that have a value.</summary>
    public static string Of(string path, params IEnumerable<(string Name, string? Value)> parameters)
    {
        var query = string.Join('&', parameters.Where(static pair => pair.Value is not null)
            .Select(static pair => $"{pair.Name}={Uri.EscapeDataString(pair.Value!)}"));
        return query.Length > 0 ? $"{path}?{query}" : path;
    }
}
