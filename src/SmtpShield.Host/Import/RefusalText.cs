using SmtpShield.Options.Parameters;

namespace SmtpShield.Host.Import;

/// <summary>Why the shield does not take a value, and what to write instead.</summary>
internal static class RefusalText
{
    /// <summary>The text for a setting.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="value">Its value in Postfix.</param>
    /// <param name="message">What is wrong with it.</param>
    /// <param name="hint">What would be right; may be empty.</param>
    /// <param name="general">The value all services have; null for the default.</param>
    public static string Of(string name, string value, string message, string hint, string? general) =>
        $"{Why(name, value, message, hint)}. {(general is null ? Default(name) : $"Until then the value of all services is in force: {general}")}";

    private static string Why(string name, string value, string message, string hint) => name switch
    {
        "smtpd_forbid_bare_newline" when value.Equals("no", StringComparison.OrdinalIgnoreCase) =>
            "the shield never accepts what this accepts: a message whose end two mail servers see at different places (SMTP smuggling); write guard, "
                + "or reject to refuse every line that ends in a bare LF",
        _ when hint.Length == 0 => WithoutName(name, message),
        _ => $"{WithoutName(name, message)}; {hint}",
    };

    private static string WithoutName(string name, string message) =>
        message.StartsWith($"{name}: ", StringComparison.Ordinal) ? message[(name.Length + 2)..] : message;

    private static string Default(string name) =>
        ParameterCatalog.All[name].DefaultText is { } text
            ? $"Until then the default is in force: {(text.Length > 0 ? text : "empty")}"
            : "Until then the value computed from this host is in force";
}
