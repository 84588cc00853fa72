using SmtpShield.State;

namespace SmtpShield.Tests.State;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class RegularStateFileTests : IDisposable
{
    private readonly TestState _state = new();

    public void Dispose() => _state.Dispose();

    [TestCase(0, ExpectedResult = "1 2 3 4")]
    [TestCase(0.5, ExpectedResult = "1 2 3 4")]
    [TestCase(2, ExpectedResult = "1 5 9 13")]
    [TestCase(60, ExpectedResult = "1 61 121 181")]
    public string SaveInTurn_OfAFileThatTakesSeconds_TakesAHundredthOfTheTimeAndComesEachHour(double seconds)
    {
        using var directory = _state.Open();
        var file = new SlowFile(directory, TimeSpan.FromMinutes(1), _state, seconds);
        var turns = new List<int>();
        for (var turn = 1; turns.Count < 4; turn++)
        {
            var before = file.Written;
            file.SaveInTurn();
            if (file.Written > before)
                turns.Add(turn);
            _state.Time.Advance(TimeSpan.FromMinutes(1) - (file.Written > before ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero));
        }

        return string.Join(' ', turns);
    }

    // Its turns are an hour apart: it is left out at none.
    [Test]
    public void SaveInTurn_OfAFileOfEachHourThatTakesAMinute_ComesInEachTurn()
    {
        using var directory = _state.Open();
        var file = new SlowFile(directory, RegularStateFile.Longest, _state, seconds: 60);
        for (var turn = 1; turn <= 3; turn++)
        {
            file.SaveInTurn();
            Assert.That(file.Written, Is.EqualTo(turn));
            _state.Time.Advance(RegularStateFile.Longest - TimeSpan.FromMinutes(1));
        }
    }

    private sealed class SlowFile(StateDirectory directory, TimeSpan interval, TestState state, double seconds)
        : RegularStateFile(directory, "slow", interval, state.Time)
    {
        public int Written { get; private set; }

        protected override IEnumerable<string> Lines()
        {
            Written++;
            state.Time.Advance(TimeSpan.FromSeconds(seconds));
            return [];
        }
    }
}
