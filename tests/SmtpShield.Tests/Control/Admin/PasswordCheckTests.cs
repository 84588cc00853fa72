using SmtpShield.Control.Admin;

namespace SmtpShield.Tests.Control.Admin;

/// <summary>What a guess costs says nothing of names. Work is counted: a clock would say something else on each machine.</summary>
[Property("Operations", "OPS-42")]
internal sealed class PasswordCheckTests
{
    private const int Most = 600_000;

    // As a file has them that was written over years.
    private static readonly AdminUser _old = UserWith(100_000);
    private static readonly AdminUser _new = UserWith(Most);

    [Test]
    public void IsRight_WhoeverIsGuessed_IsAsMuchWork()
    {
        var work = 0L;
        var check = new PasswordCheck((password, salt, rounds) =>
        {
            work += rounds;
            Assert.That(salt, Has.Length.EqualTo(16));
            return Hash(password, rounds);
        });

        (AdminUser? User, string Password, bool IsRight)[] guesses =
        [
            (_old, "right", true), (_old, "wrong", false), (_new, "right", true), (_new, "wrong", false), (null, "right", false), (null, "", false),
        ];
        foreach (var (user, password, isRight) in guesses)
        {
            work = 0;
            Assert.That(check.IsRight(user, password, Most), Is.EqualTo(isRight));
            Assert.That(work, Is.EqualTo(Most), $"{user?.Rounds} {password}");
        }
    }

    // Whoever finds octets with which Nobody's hash agrees is nobody all the same.
    [Test]
    public void IsRight_HashOfNobodyIsMet_IsNot() =>
        Assert.That(new PasswordCheck(static (_, _, _) => new byte[32]).IsRight(null, "any", Most), Is.False);

    [Test]
    public void IsRight_OfAUserThatIsMade_IsForHisPasswordOnly()
    {
        var made = AdminUser.WithPassword("alice", AdminRole.View, "password");
        var check = new PasswordCheck();

        Assert.That((made.Rounds, check.IsRight(made, "password", made.Rounds), check.IsRight(made, "Password", made.Rounds)),
            Is.EqualTo((600_000, true, false)));
    }

    private static AdminUser UserWith(int rounds) => new("alice", AdminRole.View, rounds, new byte[16], Hash("right", rounds), DateTimeOffset.MaxValue);

    private static byte[] Hash(string password, int rounds)
    {
        var hash = new byte[32];
        BitConverter.TryWriteBytes(hash, rounds);
        hash[4] = (byte)password.Length;
        hash[5] = (byte)password.FirstOrDefault();
        return hash;
    }
}
