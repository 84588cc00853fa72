namespace SmtpShield.Tests.Bans;

public sealed class BanLogTests
{
    private TestBans _bans = null!;

    [SetUp]
    public void Create() => _bans = new();

    [TearDown]
    public void Dispose() => _bans.Dispose();

    [Test]
    public void Summary_OfManyBans_NamesThoseThatRefusedMostAndCountsTheRest()
    {
        for (var i = 1; i <= 23; i++)
        {
            _bans.Add($"192.0.2.{i}/32");
            for (var refused = 0; refused < i; refused++)
                _bans.Find($"192.0.2.{i}")!.NoteRefused();
        }

        var before = _bans.Lines.Count();
        _bans.Log.Summarize();
        var lines = _bans.Lines.Skip(before).ToList();
        Assert.That((lines.Count, lines[0], lines[^1]), Is.EqualTo((21, "ban: refused 23 connections of 192.0.2.23/32 in 60s",
            "ban: refused 6 connections of 3 other bans in 60s")));

        before = _bans.Lines.Count();
        _bans.Log.Summarize();
        Assert.That(_bans.Lines.Count(), Is.EqualTo(before), "nothing since");
    }

    [Test]
    public void Lines_OfABanByHand_SayWhoAndItsEnd()
    {
        _bans.Add("192.0.2.0/24", 60);
        _bans.Find("192.0.2.9")!.NoteRefused();
        _bans.Pass(61);

        Assert.That(_bans.Lines, Is.EqualTo((string[])["ban: 192.0.2.0/24 for 60s by uid 0", "ban: 192.0.2.0/24 ended, 1 connections refused"]));
    }
}
