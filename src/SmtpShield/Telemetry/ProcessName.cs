namespace SmtpShield.Telemetry;

/// <summary>
/// The Postfix process a log category stands for. Log watchers look for <c>postfix/smtpd</c> and <c>postfix/anvil</c>, so the parts of the shield that do
/// their work carry their names.
/// </summary>
internal static class ProcessName
{
    /// <summary>Talks to clients.</summary>
    public const string Smtpd = "smtpd";

    /// <summary>Counts clients' events.</summary>
    public const string Anvil = "anvil";

    /// <summary>Listens, starts and stops.</summary>
    public const string Master = "master";

    /// <summary>The name for a category: <c>master</c> for listening and for everything that is not the shield's own code (Kestrel, YARP, Polly).</summary>
    public static string OfCategory(string category)
    {
        if (IsWithin(category, "SmtpShield.Listening") || IsWithin(category, "SmtpShield.Transport") || IsWithin(category, "SmtpShield.Configuration") || IsWithin(category, "SmtpShield.Host") || !IsWithin(category, "SmtpShield"))
            return Master;
        return IsWithin(category, "SmtpShield.Limits") ? Anvil : Smtpd;
    }

    private static bool IsWithin(string category, string space) =>
        category.StartsWith(space, StringComparison.Ordinal) && (category.Length == space.Length || category[space.Length] == '.');
}
