namespace SmtpShield.Observe;

/// <summary>
/// The category a logger is made with: the name of the type that logs, as everywhere in .NET, and behind <c>#</c> the service it does so for. Filters look at
/// the beginning only; which process a line is of does not depend on it.
/// </summary>
internal static class LogCategory
{
    private const char Separator = '#';

    /// <summary>The category of a type, for a service or none.</summary>
    public static string Of(Type type, string? service) => service is null ? $"{type.FullName}" : $"{type.FullName}{Separator}{service}";

    /// <summary>The service of a category; null for none. No name of a service has the separator in it.</summary>
    public static string? ServiceOf(string category) =>
        category.IndexOf(Separator, StringComparison.Ordinal) is >= 0 and var end ? category[(end + 1)..] : null;
}
