using SmtpShield.Limits;

namespace SmtpShield.Host.Rehearsal;

/// <summary>The attacks of rehearsals: those of the project's benchmark, by their names there, and some for limits that no attack there is meant for.</summary>
internal static class AttackRepertoire
{
    // Those the benchmark mixes.
    private static readonly RehearsalAttack[] s_known =
    [
        Of("reconnect", "10 addresses that connect and leave, again and again", "connections",
            new(10, AttackSessions.ReconnectAsync) { Limits = [ClientLimits.ConnectionRate] }),
        Of("held", "3 addresses that open many connections and hold them behind EHLO", "connections",
            new(3, AttackSessions.HoldAsManyAsync, IsHeld: true) { Limits = [ClientLimits.ConnectionCount] }),
        Of("silent", "50 addresses that connect and say nothing", "connections", new(50, AttackSessions.SayNothingAsync, IsHeld: true)),
        Of("slow-command", "20 addresses that send an octet of a command a second", "connections", new(20, AttackSessions.DripCommandAsync, IsHeld: true)),
        Of("slow-content", "20 addresses that send an octet of content a second", "connections", new(20, AttackSessions.DripContentAsync, IsHeld: true)),
        Of("recipients", "10 addresses that guess one recipient after the other", "guesses",
            new(10, AttackSessions.GuessRecipientsAsync) { Limits = [ClientLimits.Recipient, ClientLimits.Error] }),
    ];

    private static readonly RehearsalAttack s_visits =
        Of("visits", "4,000 addresses that connect once each", "connections", new(4000, AttackSessions.VisitAsync));

    private static readonly RehearsalAttack[] s_further =
    [
        Of("slow-bdat", "20 addresses that send an octet of a BDAT chunk a second", "connections", new(20, AttackSessions.DripChunkAsync, IsHeld: true)),
        Of("never-read", "20 addresses that ask much and never read a reply", "connections", new(20, AttackSessions.NeverReadAsync, IsHeld: true)),
        Of("passwords", "10 addresses that guess one password after the other", "guesses",
            new(10, AttackSessions.GuessPasswordsAsync) { Limits = [ClientLimits.Auth, ClientLimits.AuthFailure, ClientLimits.Error] }),
        Of("messages", "2 addresses that send one mail after the other", "mails",
            new(2, AttackSessions.SendMailsAsync) { Limits = [ClientLimits.Message] }),
        Of("junk", "5 addresses that say NOOP again and again", "commands", new(5, AttackSessions.SayJunkAsync)),
        Of("early", "20 addresses that talk before they are greeted", "connections", new(20, AttackSessions.TalkFirstAsync, NeedsClear: true)),
        Of("http", "20 addresses that speak HTTP", "connections", new(20, AttackSessions.SpeakHttpAsync)),
        Of("handshakes", "4 addresses that begin TLS again and again", "handshakes",
            new(4, AttackSessions.HandshakeAsync, NeedsTls: true) { Limits = [ClientLimits.NewTlsSession] }),
        Of("held-5000", "5,000 connections from 500 addresses, held behind EHLO", "connections",
            new(500, AttackSessions.HoldTenAsync, IsHeld: true) { Held = 5000 }),
    ];

    /// <summary>All there are.</summary>
    public static IReadOnlyList<RehearsalAttack> All { get; } =
    [
        s_visits,
        .. s_known,
        Mixed("mix", "the six above at the same time, from a third of their addresses", s_known, 3),
        .. s_further,
        Mixed("all", "all of it at the same time, from a fifth of the addresses", [s_visits, .. s_known, .. s_further], 5),
    ];

    private static RehearsalAttack Mixed(string name, string summary, IEnumerable<RehearsalAttack> attacks, int parts) =>
        new(name, summary, "tries", [.. attacks.SelectMany(static attack => attack.Parts).Select(part => part.Divided(parts))]);

    private static RehearsalAttack Of(string name, string summary, string unit, AttackPart part) => new(name, summary, unit, [part]);
}
