using SmtpShield.Mta;

namespace SmtpShield.Testing;

/// <summary>Looks at MTAs as operators do.</summary>
internal static class MtaSessions
{
    /// <summary>Sessions a destination sees now, and dials under way; of one that is no service's any more: none.</summary>
    /// <param name="maintenance">Knows them.</param>
    /// <param name="destination">As configured, <c>host:port</c>.</param>
    public static int SessionsAt(this UpstreamMaintenance maintenance, string destination) =>
        maintenance.Pictures().FirstOrDefault(picture => picture.Name.Equals(destination, StringComparison.OrdinalIgnoreCase))?.Sessions ?? 0;
}
