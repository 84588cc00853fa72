namespace SmtpShield.Testing.Attacks;

/// <summary>The attacks a shield is for.</summary>
public static class AttackCatalogue
{
    private const int RateLimit = 5;
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private static readonly Attack[] s_known =
    [
        new("silent", "300 silent connections from 30 addresses", [new(AttackSessions.SilentAsync, 300, 30, s_second)]),
        new("recipients", "200 sessions that guess recipients, 50 addresses", [new(AttackSessions.GuessRecipientsAsync, 200, 50, s_second)]),
        new("held", "300 connections held with a rate limit of 5", [new(AttackSessions.HeldAsync, 300, 60, s_second)], RateLimit),
        new("slow-command", "250 connections that send one octet of a command a second", [new(AttackSessions.DripCommandAsync, 250, 50, s_second)]),
        new("slow-content", "250 connections that send one octet of content a second", [new(AttackSessions.DripContentAsync, 250, 50, s_second)]),
        new("reconnect", "60 clients that reconnect at full speed over a rate limit of 5",
            [new(AttackSessions.QuitAsync, 60, 60, TimeSpan.Zero)], RateLimit),
    ];

    private static readonly Attack[] s_further =
    [
        new("slow-bdat", "250 connections that send one octet of a BDAT chunk a second", [new(AttackSessions.DripChunkAsync, 250, 50, s_second)]),
        new("never-read", "250 clients that never read", [new(AttackSessions.NeverReadAsync, 250, 50, s_second) { HasSmallBuffers = true }]),
        new("handshakes", "100 clients that begin TLS handshakes at full speed", [new(AttackSessions.HandshakeAsync, 100, 100, TimeSpan.Zero)]),
        new("held-5000", "5,000 held connections from 500 addresses", [new(AttackSessions.HeldAsync, 5000, 500, s_second)]),
        new("visits", "2,000 addresses that connect once a second each",
            [new(AttackSessions.HelloAndQuitAsync, 2000, 2000, s_second) { IsSpread = true }]),
    ];

    /// <summary>All, each with a name of its own.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        .. s_known,
        Mixed("mix", "those above at the same time, a third of each", s_known, 3),
        .. s_further,
        Mixed("all", "all of it at the same time, a fifth of each", [.. s_known, .. s_further], 5),
    ];

    private static Attack Mixed(string name, string summary, IEnumerable<Attack> attacks, int fraction) =>
        new(name, summary, [.. attacks.SelectMany(attack => attack.Divided(fraction).Parts)], RateLimit);
}
