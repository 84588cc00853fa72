using System.Net;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Demo;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Host.Rehearsal;

/// <summary>What is to be rehearsed.</summary>
/// <param name="Options">The configuration.</param>
/// <param name="Services">The services, one behind the other.</param>
/// <param name="Attacks">The attacks, in this order.</param>
/// <param name="AreChosen">Whether these and no others are wanted: then one that can't be played is an error.</param>
/// <param name="Scale">How much normal clients do.</param>
/// <param name="Against">A mail server on loopback; null: one of our own.</param>
/// <param name="Recipient">An address it takes mail for.</param>
internal sealed record RehearsalPlan(
    ShieldOptions Options, IReadOnlyList<string> Services, IReadOnlyList<RehearsalAttack> Attacks, bool AreChosen, RehearsalScale Scale,
    IPEndPoint? Against, string Recipient)
{
    /// <summary>Plays it, and says what came of it.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whether normal clients noticed nothing.</returns>
    /// <exception cref="RehearsalException">There are too many services, or an attack that is chosen can't be played.</exception>
    /// <exception cref="OperationCanceledException">It was given up, or somebody has ended the program.</exception>
    public async Task<bool> PlayAsync(PlainOutput output, CancellationToken cancellationToken)
    {
        ProcessResources.RequireDescriptors();
        using var sink = Against is null ? new SinkMta(Options.Smtpd.MyHostname) : null;
        if (sink is not null)
            await sink.StartAsync(cancellationToken);
        await using var shield = await RehearsedShield.StartAsync(
            RehearsalConfiguration.Of(Options, Against ?? sink!.Endpoint, isSink: sink is not null), cancellationToken);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, shield.Stopping);

        output.Line($"the shield before {(Against is null ? "a mail server of its own" : $"{Against}")}, all on loopback; within one anvil_rate_time_unit");
        foreach (var note in RehearsalConfiguration.NotesOf(Options, sink is not null))
            output.Line($"note: {note}");
        var attacks = Playable(shield, output);
        // No address comes twice, at whichever service: a ban holds at all of them.
        var (isFine, addresses) = (true, new RehearsalAddresses());
        foreach (var service in Services)
        {
            var its = Options.Of(service);
            var stage = new RehearsalStage(shield.EndPointOf(service), addresses, Recipient)
            {
                IsWrapped = its.Tls.WrapperMode,
                EndsTls = its.Tls is { IsTerminated: true, WrapperMode: false },
                NeedsTls = its.Tls is { SecurityLevel: TlsSecurityLevel.Encrypt, IsTerminated: true, WrapperMode: false },
                HasUsers = sink is not null,
                Attackers = new(its),
                Clock = shield.Clock,
            };
            output.Line($"service {service}:");
            RehearsalReport.PrintCast(new(stage, Scale), Scale, output);
            var rehearsal = new ServiceRehearsal(shield, service, its, stage);
            await rehearsal.PlayAsync(Scale, attacks.Select(attack => attack.On(stage)).OfType<RehearsalAttack>(), either.Token);
            RehearsalReport.Print(rehearsal, RehearsedRules.OffIn(its), output);
            isFine &= rehearsal.IsFine;
        }

        return isFine;
    }

    private List<RehearsalAttack> Playable(RehearsedShield shield, PlainOutput output)
    {
        var isDialedAtOnce = Against is null && Services.Any(service => Options.Of(service).Upstream.Connect != UpstreamConnect.Mail);
        var room = new RehearsalRoom(ProcessResources.OfThisProcess().Descriptors, shield.Room, isDialedAtOnce);
        if (Services.Count * Attacks.Sum(static attack => attack.Addresses) > RehearsalAddresses.Most)
            throw new RehearsalException($"{Services.Count} services at once need more addresses of clients than there are: play some of them (--service)");
        var playable = new List<RehearsalAttack>();
        foreach (var attack in Attacks)
        {
            if (room.Lacks(attack) is not { } lack)
                playable.Add(attack);
            else if (AreChosen)
                throw new RehearsalException($"{attack.Name}: {lack}");
            else
                output.Line($"note: {attack.Name} is left out: {lack}");
        }

        return playable;
    }
}
