using System.Globalization;

namespace SmtpShield.Benchmarks;

/// <summary>What one attack did to one server, and what the known client got meanwhile.</summary>
internal sealed record AttackFigures
{
    /// <summary>The head of the table that <see cref="Row"/> is a row of.</summary>
    public const string Head =
        "| Attack | Server | Mails | Median | p99 | p99 / idle | Sessions at the MTA | Log | Attackers: connected, greeted, replies, handshakes, CPU |\n"
        + "| --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// <summary>The attack's name.</summary>
    public required string Attack { get; init; }

    /// <summary>What was attacked.</summary>
    public required string Server { get; init; }

    /// <summary>Mails the known client wanted to send.</summary>
    public required int Offered { get; init; }

    /// <summary>Mails that were accepted in time.</summary>
    public required int Delivered { get; init; }

    /// <summary>What the server said instead, and how often; mails that were still under way are not here.</summary>
    public required IReadOnlyDictionary<string, int> Refusals { get; init; }

    /// <summary>
    /// From the moment a mail was due to the moment it was accepted, for half of the mails offered, in milliseconds; null when more than half were not
    /// delivered.
    /// </summary>
    public required double? MedianMilliseconds { get; init; }

    /// <summary>The same for 99 of 100: with 80 mails the slowest one.</summary>
    public required double? P99Milliseconds { get; init; }

    /// <summary>The most connections to the MTA, waiting in its listen queue or open.</summary>
    public required int MostSessions { get; init; }

    /// <summary>How often that was looked at.</summary>
    public required int Samples { get; init; }

    /// <summary>Octets a second that the server under attack logged.</summary>
    public required double LogOctetsPerSecond { get; init; }

    /// <summary>Octets a second that the MTA behind the shield logged; the same where there is no shield.</summary>
    public required double MtaLogOctetsPerSecond { get; init; }

    /// <summary>What the attackers did; null for none.</summary>
    public required AttackReport? Attackers { get; init; }

    /// <summary>As a row of a Markdown table.</summary>
    /// <param name="idle">The p99 without an attack, in milliseconds, if it was measured.</param>
    public string Row(double? idle)
    {
        var attackers = Attackers is null ? "–" : string.Create(CultureInfo.InvariantCulture,
            $"{Attackers.Connected}, {Attackers.Greeted}, {Attackers.Replies}, {Attackers.Handshakes}, {Attackers.CpuSeconds:0.0} s");
        return $"| {Attack} | {Server} | {Delivered} of {Offered} | {Time(MedianMilliseconds)} | {Time(P99Milliseconds)} | {Ratio(P99Milliseconds / idle)} "
            + $"| {MostSessions} | {Octets(LogOctetsPerSecond)} | {attackers} |";
    }

    private static string Time(double? milliseconds) =>
        milliseconds is { } value ? value.ToString(value < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + " ms" : "–";

    private static string Ratio(double? ratio) => ratio is { } value ? value.ToString("0.0", CultureInfo.InvariantCulture) : "–";

    private static string Octets(double perSecond) => (perSecond / 1000).ToString("0.0", CultureInfo.InvariantCulture) + " KB/s";
}
