using SmtpShield.Options;

namespace SmtpShield.Host.Rehearsal;

/// <summary>The rehearsal of one service: normal traffic alone, then beside each attack, and what its limits did in each act.</summary>
/// <param name="shield">The shield.</param>
/// <param name="service">The service's name.</param>
/// <param name="options">Its options as configured.</param>
/// <param name="stage">Where clients play.</param>
internal sealed class ServiceRehearsal(RehearsedShield shield, string service, ShieldOptions options, RehearsalStage stage)
{
    // Far more than any attack takes on a slow machine: an end for what can't end.
    private static readonly TimeSpan _longestAct = TimeSpan.FromSeconds(60);

    private const int Steps = 120;
    private static readonly TimeSpan _betweenSteps = TimeSpan.FromMilliseconds(10);

    // By rule, what one normal client of each kind has hit without an attack, all together.
    private readonly Dictionary<RehearsedRule, double> _ofOneNormal = [];

    /// <summary>The rules of the service that are on.</summary>
    public IReadOnlyList<RehearsedRule> Rules { get; } = RehearsedRules.Of(options);

    /// <summary>The acts that were played.</summary>
    public List<RehearsalAct> Acts { get; } = [];

    /// <summary>Whether normal clients noticed nothing at all.</summary>
    public bool IsFine => Rules.All(static rule => rule.OnNormal == 0) && Acts.TrueForAll(static act => act.Normal.Delivered == act.Normal.Offered);

    // The longest that a silent or slow client may last, twice.
    private TimeSpan LongestWait => 2 * ((TimeSpan[])[options.Smtpd.Timeout, options.Smtpd.RequestDeadline, options.Smtpd.SessionTimeLimit]).Max();

    /// <summary>Plays it.</summary>
    /// <param name="scale">How much normal clients do.</param>
    /// <param name="attacks">The attacks.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task PlayAsync(RehearsalScale scale, IEnumerable<RehearsalAttack> attacks, CancellationToken cancellationToken)
    {
        await PlayActAsync(null, scale, cancellationToken);
        foreach (var attack in attacks)
            await PlayActAsync(attack, scale.DuringAttack, cancellationToken);

        // What a limit refuses is an error of the session.
        var isRefused = Rules.Any(static rule => rule is { OnNormal: > 0, IsInShadow: false } && RehearsedRules.Refuses(rule));
        foreach (var rule in Rules.Where(RehearsedRules.CountsErrors))
            rule.IsBehindAnother = isRefused && rule.OnNormal > 0;
    }

    private async Task PlayActAsync(RehearsalAttack? attack, RehearsalScale scale, CancellationToken cancellationToken)
    {
        var (hits, normal) = (HitsOf(null), HitsOf(stage.Addresses));
        var attackers = new AttackTally();
        using var longest = new CancellationTokenSource(_longestAct, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, longest.Token);
        var attacking = attack?.PlayAsync(stage, attackers, either.Token) ?? Task.CompletedTask;
        var tally = await new NormalTraffic(stage, scale).PlayAsync(cancellationToken);
        if (attack is { IsHeld: true })
            await SkipUntilAsync(attacking, () => attackers.Standing == attack.Addresses, either.Token);
        var isOver = await IsOverAsync(attacking, cancellationToken);

        var (allHits, allNormal) = (HitsOf(null), HitsOf(stage.Addresses));
        var stoppedBy = new Dictionary<string, long>();
        foreach (var rule in Rules)
        {
            var all = allHits[rule] - hits[rule];
            if (attack is null)
                _ofOneNormal[rule] = (double)all / scale.Clients;
            // Some rules do not tell by whom they were hit: normal clients do beside an attack what they did alone.
            var ofThem = RehearsedRules.TellsWhom(rule) ? allNormal[rule] - normal[rule] : (long)Math.Round(_ofOneNormal[rule] * scale.Clients);
            var onNormal = attack is null ? all : Math.Min(all, ofThem);
            rule.OnNormal += onNormal;
            rule.OnAttackers += all - onNormal;
            if (all == onNormal)
                continue;
            rule.Attacks.Add(attack!.Name);
            stoppedBy.Add(rule.Label, all - onNormal);
        }

        Acts.Add(new(attack, attackers, tally, !isOver) { StoppedBy = stoppedBy });
    }

    // No normal client is there any more, so only attackers are told that their time is over.
    private async Task SkipUntilAsync(Task attacking, Func<bool> isStanding, CancellationToken cancellationToken)
    {
        while (!isStanding() && !attacking.IsCompleted)
            await Task.WhenAny(attacking, Task.Delay(_betweenSteps, TimeProvider.System, CancellationToken.None));
        var step = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(LongestWait.TotalSeconds / Steps)));
        for (var steps = 0; steps < Steps && !attacking.IsCompleted && !cancellationToken.IsCancellationRequested; steps++)
        {
            stage.Clock.Skip(step);
            await Task.WhenAny(attacking, Task.Delay(_betweenSteps, TimeProvider.System, CancellationToken.None));
        }
    }

    // Whether it came to its own end.
    private static async Task<bool> IsOverAsync(Task attacking, CancellationToken cancellationToken)
    {
        try
        {
            await attacking;
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    // By whomever, or with addresses by their normal clients.
    private Dictionary<RehearsedRule, long> HitsOf(RehearsalAddresses? normal)
    {
        var enforced = normal is null ? shield.HitsAt(service) : shield.HitsOfNormalAt(service);
        var shadow = normal is null ? shield.ShadowHitsAt(service) : shield.ShadowHitsAt(service, normal.Normal);
        return Rules.ToDictionary(
            static rule => rule,
            rule => (rule.IsInShadow ? shadow : enforced).GetValueOrDefault(rule.Name));
    }
}
