using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Baseline;

/// <summary>A limit that a value is proposed for, and what is observed for it.</summary>
/// <param name="Parameter">Its name in main.cf.</param>
/// <param name="Value">What it is set to; 0: off.</param>
/// <param name="Subject">What is above it, in the words of <c>71.2% of their connections</c>.</param>
/// <param name="Least">The lowest value that is proposed.</param>
internal sealed record ObservedLimit(string Parameter, Func<SmtpdLimitOptions, int> Value, string Subject, int Least)
{
    /// <summary>The place of the session's errors among <see cref="All"/>.</summary>
    public const int SessionErrors = 8;

    /// <summary>All: the limits on clients in their order, then that on a session's errors.</summary>
    public static IReadOnlyList<ObservedLimit> All { get; } =
    [
        Of(ClientLimits.ConnectionCount, "connections", 5),
        Of(ClientLimits.ConnectionRate, "connections", 10),
        Of(ClientLimits.Message, "messages", 10),
        Of(ClientLimits.Recipient, "recipients", 50),
        Of(ClientLimits.NewTlsSession, "TLS sessions", 10),
        Of(ClientLimits.Auth, "logins", 5),
        Of(ClientLimits.Error, "errors", 20),
        Of(ClientLimits.AuthFailure, "refused logins", 5),
        new("smtpd_hard_error_limit", static limits => limits.HardErrorLimit == int.MaxValue ? 0 : limits.HardErrorLimit, "sessions", 20)
        {
            HitsAtLimit = true,
        },
    ];

    /// <summary>The place of the number of open connections among <see cref="All"/>.</summary>
    public static int OpenConnections { get; } = ClientLimits.IndexOf(ClientLimits.ConnectionCount);

    /// <summary>Whether who is at the limit is hit, not only who is above it.</summary>
    public bool HitsAtLimit { get; init; }

    /// <summary>Whether a value stands for so many events, of which those above the limit are refused; otherwise one value is one event.</summary>
    public bool IsRate { get; init; }

    /// <summary>The place among <see cref="All"/> of what a window counts.</summary>
    /// <param name="index">As <see cref="AnvilEventCounts"/> has it.</param>
    public static int PlaceOf(int index) => _places[index];

    private static readonly int[] _places =
    [
        .. Enumerable.Range(0, AnvilEventCounts.Length).Select(static index =>
            ClientLimits.IndexOf(index == AnvilEventCounts.Connections ? ClientLimits.ConnectionRate : ClientLimits.Of((AnvilEvent)(index - 1)))),
    ];

    private static ObservedLimit Of(ClientLimit limit, string subject, int least) =>
        new(limit.Parameter, limit.Value, subject, least) { IsRate = !limit.IsOnOpenConnections };
}
