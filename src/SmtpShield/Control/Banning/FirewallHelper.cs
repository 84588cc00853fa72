using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Banning;

/// <summary>
/// What the helper that feeds the kernel has said last. The shield needs none, so it misses none that was never there, or that said it stops; only one that
/// went without a word.
/// </summary>
internal sealed class FirewallHelper(KernelDrops drops, TimeProvider time)
{
    /// <summary>How long it may be silent: three times as long as it is.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    // shield_ban_table_size, and it may have been larger.
    private const int MostBans = 10_000_000;

    private volatile Said? _said;

    /// <summary>What is known; null: there is no helper.</summary>
    public KernelReport? Current
    {
        get
        {
            if (_said is not { Report: var report } said)
                return null;
            var isAway = time.GetElapsedTime(said.At) > Patience;
            return new(report.Process, said.Heard, isAway, report.MinLevel, drops.Count(report.MinLevel), isAway ? 0 : report.Auto,
                isAway ? 0 : report.Manual, report.Owner)
            {
                Why = report.Why,
            };
        }
    }

    /// <summary>What a person should look at; null: nothing.</summary>
    /// <param name="current">What is known.</param>
    public static string? Attention(KernelReport? current) => current switch
    {
        { Away: true } =>
            $"the firewall helper was heard of last at {BanOrders.Utc(current.Heard)}: the kernel may drop nobody, and the shield refuses the banned",
        { Why: { } why } => $"the firewall helper can't make the kernel drop anybody, and the shield refuses the banned: {why}",
        _ => null,
    };

    /// <summary>It has said something.</summary>
    /// <exception cref="ControlException">It is nothing it could say.</exception>
    public void Note(FirewallReport report)
    {
        if (report.Process < 1 || report.Auto is < 0 or > MostBans || report.Manual is < 0 or > MostBans)
        {
            throw ControlException.BadRequest("a number is out of range",
                """send {"process": 4711, "min_level": 2, "auto": 0, "manual": 1, "owner": true}""");
        }

        if (!report.Stopped)
            _said = new(report with { Why = ControlAudit.Shown(report.Why) }, time.GetUtcNow(), time.GetTimestamp());
        else if (_said is { } said && said.Report.Process == report.Process)
            _said = null;
    }

    private sealed record Said(FirewallReport Report, DateTimeOffset Heard, long At);
}
