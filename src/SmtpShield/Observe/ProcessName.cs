using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>
/// The Postfix process an event stands for. Log watchers look for <c>postfix/smtpd</c> and <c>postfix/anvil</c>, so events of those processes carry their
/// names. An event says which by its id, which it has for ever: where the code that logs it stands does not matter.
/// </summary>
internal static class ProcessName
{
    /// <summary>Talks to clients.</summary>
    public const string Smtpd = "smtpd";

    /// <summary>Counts clients' events.</summary>
    public const string Anvil = "anvil";

    /// <summary>Listens, starts and stops.</summary>
    public const string Master = "master";

    private const string OwnCode = "SmtpShield";

    private const int FirstId = 1000;

    private const int IdsOfAPart = 100;

    // From FirstId on, each hundred ids; the parts they are named for in docs/reference/log-lines.md.
    private static readonly string[] _ofHundred =
    [
        Master, // 1000: listening
        Smtpd, // 1100: clients
        Smtpd, // 1200: admission
        Anvil, // 1300: limits
        Smtpd, // 1400: sessions
        Smtpd, // 1500: relay
        Smtpd, // 1600: upstream
        Master, // 1700: configuration
        Smtpd, // 1800: telemetry
        Master, // 1900: transport
        Smtpd, // 2000: TLS
        Master, // 2100: control
        Anvil, // 2200: bans
        Master, // 2300: control
        Master, // 2400: upgrade
    ];

    /// <summary>The name for an event: <c>master</c> for everything that is not the shield's own code (Kestrel, YARP, Polly), whatever its ids are.</summary>
    /// <param name="category">The logger's category.</param>
    /// <param name="id">The event's id.</param>
    public static string Of(string category, EventId id)
    {
        if (!IsOwn(category))
            return Master;
        var hundred = (id.Id - FirstId) / IdsOfAPart;
        return id.Id >= FirstId && hundred < _ofHundred.Length ? _ofHundred[hundred] : Smtpd;
    }

    private static bool IsOwn(string category) =>
        category.StartsWith(OwnCode, StringComparison.Ordinal) && (category.Length == OwnCode.Length || category[OwnCode.Length] == '.');
}
