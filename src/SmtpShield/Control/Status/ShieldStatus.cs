using SmtpShield.Control.Banning;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Control.Status;

/// <summary>The answer of <c>/v1/status</c>.</summary>
/// <param name="Version">The shield's.</param>
/// <param name="Process">Its process id.</param>
/// <param name="Started">When it started.</param>
/// <param name="UptimeS">Seconds since then.</param>
/// <param name="Draining">Whether it has been told to stop and waits for sessions to end.</param>
/// <param name="Connections">Connections of clients, those that are just closing included.</param>
/// <param name="Services">The services, in the order of <c>shield_services</c>.</param>
/// <param name="Upstreams">Their MTAs.</param>
/// <param name="Truncated">Whether there are more MTAs than an answer has room for.</param>
/// <param name="Attention">What a person should look at, a sentence each.</param>
/// <param name="Configuration">What has come of main.cf; null where none was read.</param>
internal sealed record ShieldStatus(
    string Version, int Process, DateTimeOffset Started, long UptimeS, bool Draining, int Connections,
    IReadOnlyList<ServiceReport> Services, IReadOnlyList<UpstreamReport> Upstreams, bool Truncated, IReadOnlyList<string> Attention,
    ConfigurationReport? Configuration = null)
{
    /// <summary>The table of counts.</summary>
    public TableReport? Clients { get; init; }

    /// <summary>What is remembered of clients that were refused something.</summary>
    public TableReport? History { get; init; }

    /// <summary>Of whom the MTA has accepted mail.</summary>
    public TableReport? Delivering { get; init; }

    /// <summary>The log.</summary>
    public LogReport? Log { get; init; }

    /// <summary>How many bans there are.</summary>
    public BanCounts? Bans { get; init; }

    /// <summary>How counting together with other shields goes; null where this one counts alone.</summary>
    public SharingReport? Sharing { get; init; }

    /// <summary>Values that were set at run time; null where that can't be done.</summary>
    public int? Overrides { get; init; }
}
