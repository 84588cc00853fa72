using System.Net;
using SmtpShield.Limits;

namespace SmtpShield.Host.Rehearsal;

/// <summary>What attackers do to the shield under rehearsal.</summary>
/// <param name="Name">Its name, as in the project's benchmark where that has it.</param>
/// <param name="Summary">What it is, in a few words.</param>
/// <param name="Unit">What is tried and let through.</param>
/// <param name="Addresses">From how many addresses.</param>
/// <param name="Session">What one address does. It ends by itself, where <paramref name="IsHeld"/> when the shield has ended it.</param>
/// <param name="IsHeld">Whether it is about time: then time is skipped until the shield has ended all of it.</param>
/// <param name="NeedsTls">Whether the shield must end TLS itself.</param>
/// <param name="NeedsClear">Whether connections must not begin with TLS.</param>
internal sealed record RehearsalAttack(
    string Name, string Summary, string Unit, int Addresses, Func<AttackerSession, CancellationToken, Task> Session, bool IsHeld = false,
    bool NeedsTls = false, bool NeedsClear = false)
{
    // As many addresses at the same time, so that a few thousand of them need no thousands of descriptors.
    private const int AtOnce = 50;

    /// <summary>The limits on clients it is to be over, if they are not very high.</summary>
    public IReadOnlyList<ClientLimit> Limits { get; init; } = [];

    /// <summary>All there are.</summary>
    public static IReadOnlyList<RehearsalAttack> All { get; } =
    [
        new("visits", "2,000 addresses that connect once each", "connections", 2000, AttackSessions.VisitAsync),
        new("reconnect", "10 addresses that connect and leave, again and again", "connections", 10, AttackSessions.ReconnectAsync)
        {
            Limits = [ClientLimits.ConnectionRate],
        },
        new("held", "3 addresses that open many connections and hold them behind EHLO", "connections", 3, AttackSessions.HoldAsync, IsHeld: true)
        {
            Limits = [ClientLimits.ConnectionCount],
        },
        new("silent", "50 addresses that connect and say nothing", "connections", 50, AttackSessions.SayNothingAsync, IsHeld: true),
        new("slow-command", "20 addresses that send an octet of a command a second", "connections", 20, AttackSessions.DripCommandAsync, IsHeld: true),
        new("slow-content", "20 addresses that send an octet of content a second", "connections", 20, AttackSessions.DripContentAsync, IsHeld: true),
        new("recipients", "10 addresses that guess one recipient after the other", "guesses", 10, AttackSessions.GuessRecipientsAsync)
        {
            Limits = [ClientLimits.Recipient, ClientLimits.Error],
        },
        new("passwords", "10 addresses that guess one password after the other", "guesses", 10, AttackSessions.GuessPasswordsAsync)
        {
            Limits = [ClientLimits.Auth, ClientLimits.AuthFailure, ClientLimits.Error],
        },
        new("messages", "2 addresses that send one mail after the other", "mails", 2, AttackSessions.SendMailsAsync) { Limits = [ClientLimits.Message] },
        new("junk", "5 addresses that say NOOP again and again", "commands", 5, AttackSessions.SayJunkAsync),
        new("early", "20 addresses that talk before they are greeted", "connections", 20, AttackSessions.TalkFirstAsync, NeedsClear: true),
        new("http", "20 addresses that speak HTTP", "connections", 20, AttackSessions.SpeakHttpAsync),
        new("handshakes", "4 addresses that begin TLS again and again", "handshakes", 4, AttackSessions.HandshakeAsync, NeedsTls: true)
        {
            Limits = [ClientLimits.NewTlsSession],
        },
    ];

    /// <summary>Whether there can be such a one.</summary>
    public bool Suits(RehearsalStage stage) => !(NeedsTls && stage is { EndsTls: false, IsWrapped: false }) && !(NeedsClear && stage.IsWrapped);

    /// <summary>Plays it, to its end.</summary>
    /// <param name="stage">Where.</param>
    /// <param name="tally">How far it got.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task PlayAsync(RehearsalStage stage, AttackTally tally, CancellationToken cancellationToken)
    {
        using var places = new SemaphoreSlim(AtOnce);
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
