using Microsoft.Extensions.Hosting;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Mta;

namespace SmtpShield.Control.Monitoring;

/// <summary>
/// Whether the process works, and whether it takes clients. An MTA that is away is no reason against either: a shield that says so at once is better than none.
/// </summary>
internal sealed class Health(
    AnvilSweeper sweeper, AcceptLoops loops, PoolPulse pulse, ConnectionDrain drain, UpstreamMaintenance upstreams, IHostApplicationLifetime lifetime,
    TimeProvider time)
{
    /// <summary>How long the table of clients may go without being swept, and an end point without anybody who accepts.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>How long the thread pool may take to begin something.</summary>
    public static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(1);

    /// <summary>How long a service may be without an MTA.</summary>
    public static readonly TimeSpan LongestOutage = TimeSpan.FromSeconds(30);

    /// <summary>What does not work, a line each; empty: all does.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (sweeper.SinceSweep is var since && since > LongestPause)
            problems.Add($"the table of clients was not swept for {Seconds(since)} s");
        // Where the process stops nobody accepts any more.
        if (!drain.HasBegun && lifetime.ApplicationStarted.IsCancellationRequested && loops.IdleFor(LongestPause) is { Count: > 0 } idle)
            problems.Add($"nobody accepts clients at {idle.Count} of the end points");
        if (pulse.Delay is var delay && delay > LongestDelay)
            problems.Add($"the thread pool took {Seconds(delay)} s to begin something");
        return problems;
    }

    /// <summary>Why it takes no clients; null: it does.</summary>
    public string? WhyNotReady =>
        drain.HasBegun || lifetime.ApplicationStopping.IsCancellationRequested ? "the shield stops"
        : !lifetime.ApplicationStarted.IsCancellationRequested ? "the shield starts"
        : null;

    /// <summary>Services that have had no MTA for <see cref="LongestOutage"/>.</summary>
    public int ServicesWithoutUpstream() => upstreams.Pictures().GroupBy(static picture => picture.Service)
        .Count(service => service.All(picture => !MetricsReader.Serves(picture) && time.GetUtcNow() - picture.Since >= LongestOutage));

    private static string Seconds(TimeSpan time) => $"{(long)time.TotalSeconds}";
}
