using System.Net;
using SmtpShield.Limits;

namespace SmtpShield.Host.Rehearsal;

/// <summary>Addresses that do the same to the shield under rehearsal.</summary>
/// <param name="Addresses">How many there are.</param>
/// <param name="Session">What one address does. It ends by itself, where <paramref name="IsHeld"/> when the shield has ended it.</param>
/// <param name="IsHeld">Whether it is about time: then time is skipped until the shield has ended all of it, and all addresses are there together.</param>
/// <param name="NeedsTls">Whether the shield must end TLS itself.</param>
/// <param name="NeedsClear">Whether connections must not begin with TLS.</param>
internal sealed record AttackPart(
    int Addresses, Func<AttackerSession, CancellationToken, Task> Session, bool IsHeld = false, bool NeedsTls = false, bool NeedsClear = false)
{
    // As many addresses at the same time, so that a few thousand of them need no thousands of descriptors.
    private const int AtOnce = 50;

    /// <summary>The limits on clients it is to be over, if they are not very high.</summary>
    public IReadOnlyList<ClientLimit> Limits { get; init; } = [];

    /// <summary>Connections that all its addresses hold at the same time, where that is a number of its own; else they are few.</summary>
    public int Held { get; init; }

    /// <summary>The same from a part of its addresses, one at least.</summary>
    public AttackPart Divided(int by) => this with { Addresses = Math.Max(1, Addresses / by), Held = Held / by };

    /// <summary>Whether there can be such a one.</summary>
    public bool Suits(RehearsalStage stage) => !(NeedsTls && stage is { EndsTls: false, IsWrapped: false }) && !(NeedsClear && stage.IsWrapped);

    /// <summary>Plays it, to its end.</summary>
    /// <param name="stage">Where.</param>
    /// <param name="tally">How far it got.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task PlayAsync(RehearsalStage stage, AttackTally tally, CancellationToken cancellationToken)
    {
        using var places = new SemaphoreSlim(IsHeld ? Addresses : AtOnce);
        await Task.WhenAll(Enumerable.Range(0, Addresses).Select(_ => stage.Addresses.NextAttacking()).ToList().Select(PlayAsync));

        async Task PlayAsync(IPAddress from)
        {
            await places.WaitAsync(cancellationToken);
            var attacker = new AttackerSession(stage, from, tally, stage.Attackers.Tries(Limits));
            try
            {
                await Session(attacker, cancellationToken);
            }
            finally
            {
                attacker.Stand();
                places.Release();
            }
        }
    }
}
