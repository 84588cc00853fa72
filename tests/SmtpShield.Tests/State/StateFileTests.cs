using SmtpShield.State;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.State;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class StateFileTests : IDisposable
{
    private readonly TestState _state = new();
    private string[] _lines = [];

    public void Dispose() => _state.Dispose();

    [Test]
    public void NoteChange_OfAFile_IsOnDiskFiveSecondsLater()
    {
        using var directory = _state.Open();
        var file = Open(directory);
        _lines = ["one"];
        file.NoteChange();
        _lines = ["one", "two"];
        file.NoteChange();
        _state.Time.Advance(StateFile.Delay - TimeSpan.FromTicks(1));
        Assert.That(File.Exists(_state.InIt("bans")), Is.False);
        _state.Time.Advance(TimeSpan.FromTicks(1));
        Assert.That((File.ReadAllText(_state.InIt("bans")), _state.Time.ActiveTimers), Is.EqualTo(("one\ntwo\n", 0)));
    }

    [Test]
    public void TakeOver_OfADirectory_HasWhatWasGivenAndWritesWhenItIsLeft()
    {
        using var old = _state.Open();
        _lines = ["one", "two"];
        var file = Open(old);
        file.NoteChange();
        var given = new GivenState();
        foreach (var (name, lines) in old.Everything())
        {
            foreach (var line in lines)
                given.Add(name, line);
        }

        using var taken = _state.Open(given: given);
        var its = Open(taken);
        Assert.That((its.Load(), its.Load(), taken.Path), Is.EqualTo((new[] { "one", "two" }, Array.Empty<string>(), default(string))));
        Assert.That(its.Save(), Is.True, "nothing is kept yet");

        old.Leave();
        _lines = ["three"];
        taken.TakeOver();
        _state.Time.Advance(StateFile.Delay);
        Assert.That((File.ReadAllText(_state.InIt("bans")), taken.Path), Is.EqualTo(("three\n", _state.Path)));
        _lines = ["four"];
        Assert.That((file.Save(), File.ReadAllText(_state.InIt("bans")), _state.Lines), Is.EqualTo((true, "three\n", Array.Empty<string>())));
    }

    // The first one may have what somebody misses; a file that is put aside at each start must not push it out.
    [Test]
    public void PutAside_AgainAndAgain_KeepsThoseOfEarlierTimesAndThreeAtMost()
    {
        using var directory = _state.Open();
        var file = Open(directory);
        for (var time = 1; time <= 5; time++)
        {
            File.WriteAllText(_state.InIt("bans"), $"{time}");
            file.PutAside("why");
        }

        Assert.That(
            Directory.GetFiles(_state.Path, "bans*").Order(StringComparer.Ordinal).Select(static path => $"{Path.GetFileName(path)} {File.ReadAllText(path)}"),
            Is.EqualTo((string[])["bans.bad 1", "bans.bad.2 2", "bans.bad.3 5"]));
        Assert.That(_state.Lines.Select(line => line[_state.Path.Length..]), Is.EqualTo(((string[])[".bad", ".bad.2", ".bad.3", ".bad.3", ".bad.3"])
            .Select(static end => $"/bans: not used: why; it is bans{end} now")));
    }

    [Test]
    [Property("Operations", "OPS-26")]
    public void Save_BehindOneThatWasKilledWhileItWrote_TakesTheOldFilesPlaceWhole()
    {
        File.WriteAllText(_state.InIt("bans"), "old\n");
        File.WriteAllText(_state.InIt("bans.new"), "half of a li");
        using var directory = _state.Open();
        var file = Open(directory);
        Assert.That(file.Load(), Is.EqualTo((string[])["old"]));

        _lines = ["new"];
        Assert.That((file.Save(), File.ReadAllText(_state.InIt("bans")), File.Exists(_state.InIt("bans.new"))), Is.EqualTo((true, "new\n", false)));
    }

    // By somebody who may write in the directory: another file is not written, and nobody is waited for.
    [Test, Platform("Linux"), CancelAfter(30_000)]
    public async Task File_ThatIsALinkOrAPipe_IsNeitherFollowedNorWaitedFor(CancellationToken cancellationToken)
    {
        var victim = _state.InIt("victim");
        await File.WriteAllTextAsync(victim, "as it was", cancellationToken);
        File.CreateSymbolicLink(_state.InIt("bans.new"), victim);
        await OutsideProcess.RunSuccessfullyAsync("mkfifo", [_state.InIt("bans")], TimeSpan.FromSeconds(10), cancellationToken);
        using var directory = _state.Open();
        var file = Open(directory);

        Assert.That((file.Load().Count(), File.Exists(_state.InIt("bans.bad"))), Is.EqualTo((0, true)));
        _lines = ["one"];
        Assert.That(file.Save(), Is.True);
        Assert.That((await File.ReadAllTextAsync(_state.InIt("bans"), cancellationToken), await File.ReadAllTextAsync(victim, cancellationToken)),
            Is.EqualTo(("one\n", "as it was")));
        Assert.That(new FileInfo(_state.InIt("bans")).LinkTarget, Is.Null);
    }

    [Test]
    public void Save_OfAFile_IsReadByTheNextOne()
    {
        _lines = ["192.0.2.1/32 \"caf\u00E9\"", ""];
        using (var directory = _state.Open())
        {
            var file = Open(directory);
            file.NoteChange();
            Assert.That((file.Save(), _state.Time.ActiveTimers), Is.EqualTo((true, 0)));
        }

        using var next = _state.Open();
        Assert.That(Open(next).Load(), Is.EqualTo(_lines));
        Assert.That(Directory.GetFiles(_state.Path).Select(Path.GetFileName), Is.EquivalentTo(["bans", "lock"]));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(_state.InIt("bans")) & ~StateFile.Mode, Is.EqualTo((UnixFileMode)0));
        Assert.That(_state.Lines, Is.Empty);
    }

    [Test]
    public async Task StopAsync_WithAChange_WritesIt()
    {
        using var directory = _state.Open();
        var file = Open(directory);
        var unchanged = directory.Open("other", static () => ["never asked"]);
        _lines = ["one"];
        file.NoteChange();
        await directory.StopAsync(default);
        Assert.That((unchanged.Load(), file.Load()), Is.EqualTo(((IReadOnlyList<string>)[], (IReadOnlyList<string>)["one"])));
    }

    [Test]
    public void Save_ThatFails_SaysSoAndIsTriedAgain()
    {
        using var directory = _state.Open();
        var file = Open(directory);
        _lines = ["one"];
        Directory.CreateDirectory(_state.InIt("bans.new"));
        Assert.That(file.Save(), Is.False);
        Assert.That(_state.Lines.Single(), Does.StartWith($"{_state.InIt("bans")}: not written: "));
        Directory.Delete(_state.InIt("bans.new"));
        _state.Time.Advance(StateFile.Delay);
        Assert.That((file.Load(), _state.Lines.Count()), Is.EqualTo(((IReadOnlyList<string>)["one"], 1)));
    }

    [Test]
    public void Save_CutShort_LeavesWhatWasThere()
    {
        using var directory = _state.Open();
        var file = Open(directory);
        _lines = ["one"];
        file.Save();
        File.WriteAllText(_state.InIt("bans.new"), "on");
        Assert.That(file.Load(), Is.EqualTo(["one"]));
        _lines = ["two"];
        Assert.That((file.Save(), File.Exists(_state.InIt("bans.new"))), Is.EqualTo((true, false)));
    }

    [Test]
    public void Open_OfADirectoryAnotherShieldHas_KeepsNothing()
    {
        using var first = _state.Open();
        using var second = _state.Open();
        _lines = ["one"];
        Assert.That((second.Path, Open(second).Save(), File.Exists(_state.InIt("bans"))), Is.EqualTo(((string?)null, true, false)));
        Assert.That(_state.Lines.Single(), Does.Contain("another shield has it").And.Contain("forgotten when it ends"));
    }

    [Test]
    public void Open_OfADirectoryThatIsNotThere_KeepsNothingAndMakesNone()
    {
        using var directory = _state.Open(_state.InIt("none"));
        Assert.That((directory.Path, Directory.Exists(_state.InIt("none"))), Is.EqualTo(((string?)null, false)));
        Assert.That(_state.Lines.Single(), Does.StartWith($"no directory {_state.InIt("none")} "));
    }

    [Test]
    public void Open_WithoutADirectory_SaysNothing()
    {
        using var directory = _state.Open("");
        var file = Open(directory);
        file.NoteChange();
        Assert.That((file.Load(), directory.Path, _state.Time.ActiveTimers), Is.EqualTo(((IReadOnlyList<string>)[], (string?)null, 0)));
        Assert.That(_state.Lines, Is.Empty);
    }

    private StateFile Open(StateDirectory directory) => directory.Open("bans", () => _lines);
}
