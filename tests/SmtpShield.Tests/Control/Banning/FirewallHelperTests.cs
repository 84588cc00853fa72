using SmtpShield.Control.Banning;
using SmtpShield.Tests.Bans;

namespace SmtpShield.Tests.Control.Banning;

[Property("Operations", "OPS-28")]
internal sealed class FirewallHelperTests
{
    private TestBans _bans = null!;
    private FirewallHelper _helper = null!;

    [SetUp]
    public void Create()
    {
        _bans = new();
        _helper = new(new(_bans.Table, _bans.Snapshot), _bans.Time);
    }

    [TearDown]
    public void End() => _bans.Dispose();

    [Test]
    public void Current_OfAHelperThatSaysSo_HasWhatItDoesAndWhatItShould()
    {
        _bans.Add("192.0.2.7/32");
        Add("192.0.2.8/32", level: 1);
        Add("192.0.2.9/32", level: 2);
        _helper.Note(new(4711, 2, 1, 1, true));

        Assert.That(_helper.Current, Is.EqualTo(new KernelReport(4711, _bans.Time.GetUtcNow(), false, 2, 2, 1, 1, true)));
        Assert.That(FirewallHelper.Attention(_helper.Current), Is.Null);
    }

    [TestCase(15, false)]
    [TestCase(16, true)]
    public void Current_OfAHelperThatWentWithoutAWord_IsAwayAndDropsNobody(int seconds, bool isAway)
    {
        _bans.Add("192.0.2.7/32");
        _helper.Note(new(4711, 2, 0, 1, true));
        _bans.Time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That((_helper.Current!.Away, _helper.Current.Manual, _helper.Current.Wanted), Is.EqualTo((isAway, isAway ? 0 : 1, 1)));
        Assert.That(FirewallHelper.Attention(_helper.Current), isAway
            ? Is.EqualTo("the firewall helper was heard of last at 2026-01-01T00:00:00Z: the kernel may drop nobody, and the shield refuses the banned")
            : Is.Null);
    }

    // systemd starts the next one before the last one has said a word.
    [Test]
    public void Current_BehindAnothersFarewell_Stays()
    {
        _helper.Note(new(4712, 2, 0, 1, true));
        _helper.Note(new(4711, 2, 0, 0, true, Stopped: true));
        Assert.That(_helper.Current?.Process, Is.EqualTo(4712));

        _helper.Note(new(4712, 2, 0, 0, true, Stopped: true));
        Assert.That(_helper.Current, Is.Null);
    }

    private void Add(string prefix, int level)
    {
        var now = _bans.Time.GetUtcNow();
        _bans.Table.TryAdd(new(TestBans.Range(prefix), now, now.AddSeconds(600)) { Level = level, Rule = "smtpd_hard_error_limit" }, out _);
    }
}
