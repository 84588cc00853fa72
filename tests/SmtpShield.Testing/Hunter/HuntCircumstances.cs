using SmtpShield.Options;

namespace SmtpShield.Testing.Hunter;

/// <summary>What happened to a session besides what its two sides did. Its player says; over sockets none of it happens.</summary>
internal sealed record HuntCircumstances
{
    /// <summary>Nothing did.</summary>
    public static HuntCircumstances None { get; } = new();

    /// <summary>What ended the session, if it was none of its sides.</summary>
    public HuntEnd End { get; init; }

    /// <summary>No MTA could be reached: what the client must be told.</summary>
    public string? NoMta { get; init; }

    /// <summary>Reloads of the limits and of what is counted, each when all that had been sent was answered.</summary>
    public IReadOnlyList<HuntReload> Reloads { get; init; } = [];

    /// <summary>The shield has begun to stop, and not only while the session was ending.</summary>
    public bool IsDraining { get; init; }

    /// <summary>Octets the client had sent when that began: what is complete only behind them may have come too late.</summary>
    public int SentBeforeDrain { get; init; }

    /// <summary>
    /// Octets the client had sent when an early verdict of the MTA, an output of this number, was on its way, as far as that is known:
    /// what came later was not in it.
    /// </summary>
    public IReadOnlyDictionary<int, int> SentBeforeVerdict { get; init; } = new Dictionary<int, int>();

    /// <summary>The client has not left before the session ended.</summary>
    public bool ClientStays { get; init; }

    /// <summary>The MTA's connection holds few octets that it has not read yet, so that the shield waits for it.</summary>
    public bool MtaHoldsBack { get; init; }

    /// <summary>There was a place among the handshakes under way.</summary>
    public bool HasHandshakeRoom { get; init; } = true;

    /// <summary>The shield has ended the part in clear for a handshake.</summary>
    public bool HasBegunTls { get; init; }

    /// <summary>This is the part behind STARTTLS.</summary>
    public bool IsBehindTls { get; init; }
}

/// <summary>New limits in the middle of a session.</summary>
/// <param name="At">Octets the client had sent, all of them answered as far as they could be.</param>
/// <param name="Limits">What holds for what is complete only behind them.</param>
/// <param name="IsObserved">Whether what none of them is on is counted, too.</param>
/// <param name="Name">Of the configuration they are from.</param>
internal sealed record HuntReload(int At, SmtpdLimitOptions Limits, bool IsObserved, string Name);

/// <summary>What ended a session that was not one of its sides.</summary>
internal enum HuntEnd
{
    /// <summary>One of them did.</summary>
    None,

    /// <summary>The client has kept the shield waiting.</summary>
    ClientTimeout,

    /// <summary>The MTA has.</summary>
    MtaTimeout,

    /// <summary>The shield stops, and the session was idle.</summary>
    Drained,

    /// <summary>The shield waits no longer.</summary>
    DrainDeadline,
}
