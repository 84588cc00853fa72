using System.Globalization;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Mails from smtp-source(1) to smtp-sink(1).</summary>
/// <param name="name">The workload's name.</param>
/// <param name="summary">What it is.</param>
/// <param name="sessions">Sessions at the same time.</param>
/// <param name="mails">Mails a round.</param>
/// <param name="octets">Octets a mail.</param>
/// <param name="isKept">Whether a session sends many mails.</param>
internal sealed class RelayedMails(string name, string summary, int sessions, int mails, int octets, bool isKept)
    : Workload(name, summary, octets >= Large ? "MB" : "mails")
{
    private const int Large = 1_000_000;

    // As many sessions with the MTA as there are with clients: what is measured is the way, not the queue for them.
    private static readonly Dictionary<string, string> s_shield = new() { ["shield_upstream_session_limit"] = "0", ["default_process_limit"] = "6000" };

    private const int Few = 50;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private double UnitsPerMail => octets >= Large ? octets / 1e6 : 1;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        arena.Contenders.Add(Contender.None(sink));
        await arena.AddHAProxyAsync(sink, cancellationToken);
        await arena.AddNginxAsync(sink, cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, sessions > Few ? s_shield : null);
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        var elapsed = await SendAsync(contender, sessions, mails, octets, isKept, cancellationToken);
        return new(mails * UnitsPerMail, elapsed);
    }

    /// <summary>Sends mails, and says how long that took.</summary>
    public static async Task<TimeSpan> SendAsync(
        Contender contender, int sessions, int mails, int octets, bool isKept, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            "-s", Text(sessions), "-m", Text(mails), "-l", Text(octets), .. isKept ? (string[])["-d"] : [],
            "-f", "sender@client.example", "-t", "good@example.test", contender.EndPoint.ToString(),
        ];
        var start = TimeProvider.System.GetTimestamp();
        await OutsideProcess.RunSuccessfullyAsync("smtp-source", arguments, s_limit, cancellationToken);
        return TimeProvider.System.GetElapsedTime(start);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
