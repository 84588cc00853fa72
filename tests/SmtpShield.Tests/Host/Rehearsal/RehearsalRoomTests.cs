using SmtpShield.Host.Rehearsal;

namespace SmtpShield.Tests.Host.Rehearsal;

internal sealed class RehearsalRoomTests
{
    private static readonly RehearsalAttack _held = AttackRepertoire.All.Single(static attack => attack.Name == "held-5000");

    // 1000, and 5000 each for clients and the mail server, and 2 x 5000 and a seventh of that for the shield.
    [TestCase(22_428, true, null)]
    [TestCase(22_427, true, "it needs 22428 descriptors; there are 22427 file descriptors (ulimit -n, systemd LimitNOFILE=)")]
    [TestCase(17_428, false, null)]
    [TestCase(17_427, false, "it needs 17428 descriptors; there are 17427 file descriptors (ulimit -n, systemd LimitNOFILE=)")]
    public void Lacks_Descriptors_SaysHowManyItTakes(int descriptors, bool isDialedAtOnce, string? lack) =>
        Assert.That(new RehearsalRoom(descriptors, sessions: 5000, isDialedAtOnce).Lacks(_held), Is.EqualTo(lack));

    [TestCase(5000, null)]
    [TestCase(4999, "it holds 5000 connections, and there is memory for 4999 sessions")]
    public void Lacks_Memory_SaysForHowManyThereIs(int sessions, string? lack) =>
        Assert.That(new RehearsalRoom(int.MaxValue, sessions, isDialedAtOnce: true).Lacks(_held), Is.EqualTo(lack));

    [Test]
    public void Lacks_OfWhatHoldsFew_Nothing() => Assert.That(
        AttackRepertoire.All.Where(static attack => attack.Held == 0).Select(new RehearsalRoom(1024, 100, isDialedAtOnce: true).Lacks), Is.All.Null);
}
