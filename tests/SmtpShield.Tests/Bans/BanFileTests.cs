using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Bans;
using SmtpShield.Tests.State;

namespace SmtpShield.Tests.Bans;

[Property("Operations", "OPS-26")]
public sealed class BanFileTests
{
    private TestState _state = null!;

    [SetUp]
    public void Create() => _state = new();

    [TearDown]
    public void Dispose() => _state.Dispose();

    private string File => _state.InIt("bans");

    [Test]
    public void Bans_OverARestart_GoOnUntilTheirEnd()
    {
        using (var bans = new TestBans(new() { Threshold = 5 }, _state.Time))
        using (var directory = _state.Open())
        {
            var file = Load(bans, directory);
            bans.TooManyErrors("192.0.2.7", 5);
            bans.Table.TryAdd(
                new(TestBans.Range("2001:db8::/48"), _state.Time.GetUtcNow(), _state.Time.GetUtcNow().AddSeconds(60))
                {
                    Origin = BanOrigin.Manual, By = "uid 1000 (alice)", Why = "a \\ \"b\" c",
                },
                out _);
            Assert.That(file.Save(), Is.True);
        }

        _state.Time.Advance(TimeSpan.FromSeconds(59));
        using var again = new TestBans(new(), _state.Time);
        using var next = _state.Open();
        Load(again, next);
        Assert.That(again.Table.All().Select(Describe), Is.EqualTo((string[])[
            "192.0.2.7 1 smtpd_hard_error_limit 5 Auto  ", "2001:db8::/48 0 ban 0 Manual uid 1000 (alice) a \\ \"b\" c"]));
        again.Pass(1);
        Assert.That(again.Table.All().Select(static ban => $"{ban.Prefix}"), Is.EqualTo((string[])["192.0.2.7"]));
    }

    [Test]
    public void Level_OverARestart_IsThatOfTheNextBan()
    {
        using (var bans = new TestBans(new() { Threshold = 1 }, _state.Time))
        using (var directory = _state.Open())
        {
            var file = Load(bans, directory);
            bans.TooManyErrors("192.0.2.7");
            bans.Pass(601);
            Assert.That((file.Save(), bans.Table.Count), Is.EqualTo((true, 0)));
        }

        using var again = new TestBans(new() { Threshold = 1 }, _state.Time);
        using var next = _state.Open();
        Load(again, next);
        again.TooManyErrors("192.0.2.7");
        Assert.That(again.Find("192.0.2.7")!.Level, Is.EqualTo(2));
    }

    [Test]
    public void Ban_ThatWasMadeAndWrittenInTheBackground_IsThereBehindFiveSeconds()
    {
        using var bans = new TestBans(new() { Threshold = 1 }, _state.Time);
        using var directory = _state.Open();
        Load(bans, directory);
        bans.TooManyErrors("192.0.2.7");
        _state.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.That(System.IO.File.ReadAllText(File), Does.Match(@"^192\.0\.2\.7/32 \d+ \d+ 1 smtpd_hard_error_limit 1 auto """" """"\n$"));
    }

    // The clock was set back by a year since: a ban lasts no longer than it was to.
    [Test]
    public void Ban_ThatBeginsInTheFuture_LastsAsLongAsItWasTo()
    {
        var future = _state.Time.GetUtcNow().AddDays(365).ToUnixTimeSeconds();
        System.IO.File.WriteAllText(File, $"192.0.2.7/32 {future} {future + 600} 1 smtpd_hard_error_limit 5 auto \"\" \"\"\n");
        using var bans = new TestBans(new(), _state.Time);
        using var directory = _state.Open();
        Load(bans, directory);

        Assert.That(bans.Find("192.0.2.7")!.Until - _state.Time.GetUtcNow(), Is.EqualTo(TimeSpan.FromSeconds(600)));
    }

    [Test]
    public void PastBan_WhenTheClockWasSetBack_IsNoBanAgain()
    {
        var future = _state.Time.GetUtcNow().AddDays(3).ToUnixTimeSeconds();
        System.IO.File.WriteAllText(File, $"192.0.2.7/32 {future - 60} {future} 3 - 0 auto \"\" \"\"\n");
        using var bans = new TestBans(new(), _state.Time);
        using var directory = _state.Open();
        Load(bans, directory);

        Assert.That((bans.Table.Count, bans.Table.LevelOf(TestBans.Range("192.0.2.7/32"))), Is.EqualTo((0, 3)));
    }

    [Test]
    public void Lift_OfOneThatIsOnlyRemembered_IsWritten()
    {
        using var bans = new TestBans(new() { Threshold = 1 }, _state.Time);
        using var directory = _state.Open();
        var file = Load(bans, directory);
        bans.TooManyErrors("192.0.2.7");
        bans.Pass(601);
        file.Save();
        Assert.That(System.IO.File.ReadAllText(File), Does.StartWith("192.0.2.7/32 "));
        bans.Table.Lift(TestBans.Range("192.0.2.7/32"));
        _state.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.That(System.IO.File.ReadAllText(File), Is.Empty);
    }

    [TestCase("")]
    [TestCase("192.0.2.8")]
    [TestCase("192.0.2.8/32 1 99999999999 1 smtpd_hard_error_limit 5 auto")]
    [TestCase("192.0.2.8/32 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"")]
    [TestCase("192.0.2.8/32 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\" x")]
    [TestCase("192.0.2.8/32 1 99999999999 1 smtpd_hard_error_limit 5 other \"\" \"\"")]
    [TestCase("192.0.2.8/32 1 99999999999 1 nosuch_rule 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 1 99999999999999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 1 9223372036854775807 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 99999999999 1 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/33 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/24 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("::ffff:192.0.2.8/128 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 -1 99999999999 1 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 1 99999999999 101 smtpd_hard_error_limit 5 auto \"\" \"\"")]
    [TestCase("192.0.2.8/32 1 99999999999 1 smtpd_hard_error_limit 5 auto \"\u001b[31m\" \"\"")]
    [TestCase("\0\0\0\0")]
    public void Line_ThatIsNone_IsLeftOutWithAWarningAndTheOthersAreRead(string line)
    {
        var now = _state.Time.GetUtcNow().ToUnixTimeSeconds();
        System.IO.File.WriteAllText(File, $"{line}\n192.0.2.7/32 {now} {now + 600} 1 smtpd_hard_error_limit 5 auto \"\" \"\"\n");
        using var bans = new TestBans(new(), _state.Time);
        using var directory = _state.Open();
        Load(bans, directory);

        Assert.That(bans.Table.All().Select(static ban => $"{ban.Prefix}"), Is.EqualTo((string[])["192.0.2.7"]));
        Assert.That(_state.Lines, Is.EqualTo((string[])[$"{File}: line 1 is not understood and left out"]));
    }

    // A cut file: each cut gives whole lines, or fewer, never another ban.
    [Test]
    public void File_CutAnywhere_GivesNoOtherBan()
    {
        var now = _state.Time.GetUtcNow().ToUnixTimeSeconds();
        var text = $"192.0.2.7/32 {now} {now + 600} 1 smtpd_hard_error_limit 5 auto \"\" \"\"\n"
            + $"2001:db8::/48 {now} {now + 60} 0 ban 0 manual \"uid 0\" \"x y\"\n";
        for (var length = 0; length <= text.Length; length++)
        {
            System.IO.File.WriteAllText(File, text[..length]);
            using var bans = new TestBans(new(), _state.Time);
            using var directory = _state.Open();
            Load(bans, directory);
            Assert.That(bans.Table.All().Select(static ban => $"{ban.Prefix}"), Is.SubsetOf((string[])["192.0.2.7", "2001:db8::/48"]), $"{length} characters");
        }
    }

    [Test]
    public void File_WithMoreThanThereIsRoomFor_GivesWhatFits()
    {
        var now = _state.Time.GetUtcNow().ToUnixTimeSeconds();
        System.IO.File.WriteAllLines(File, Enumerable.Range(0, 200_000).Select(
            i => $"10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32 {now} {now + 600} 1 smtpd_hard_error_limit 5 auto \"\" \"\""));
        using var bans = new TestBans(new(), _state.Time);
        using var directory = _state.Open();
        Load(bans, directory);

        Assert.That(bans.Table.Count, Is.EqualTo(100_000));
    }

    private static BanFile Load(TestBans bans, SmtpShield.State.StateDirectory directory) =>
        new(bans.Table, directory, bans.Snapshot, bans.Time, NullLogger<BanFile>.Instance);

    private static string Describe(Ban ban) => $"{ban.Prefix} {ban.Level} {ban.Rule} {ban.Hits} {ban.Origin} {ban.By} {ban.Why}";
}
