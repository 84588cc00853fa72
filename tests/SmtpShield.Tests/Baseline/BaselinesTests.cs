using SmtpShield.Baseline;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.State;

namespace SmtpShield.Tests.Baseline;

[Property("Operations", "OPS-20")]
internal sealed class BaselinesTests
{
    private const int Unit = 60;

    private readonly FakeTimeProvider _time = new();
    private readonly ShieldSnapshot _snapshot = new(new());
    private readonly AnvilKey _client = TestAnvil.Key("192.0.2.1");
    private AnvilTable _table = null!;
    private Baselines _baselines = null!;

    [SetUp]
    public void Make()
    {
        _snapshot.Replace(new());
        _table = TestAnvil.Table(_snapshot, _time);
        _baselines = new(_table, _snapshot, _time);
    }

    [Test]
    public void Window_ThatIsRolled_CountsOnceWithAllItHad()
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Connect();
        counter.Count(AnvilEvent.Message);
        counter.Count(AnvilEvent.Message);
        _time.Advance(TimeSpan.FromSeconds(Unit));
        counter.Count(AnvilEvent.Recipient);
        Assert.That(Of(ClientLimits.Message, ClientClass.Other).Count, Is.Zero, "it lasts to the end of this second");
        _time.Advance(TimeSpan.FromSeconds(1));
        _ = counter.Peek();
        Assert.That(Of(ClientLimits.Message, ClientClass.Other).Count, Is.Zero, "who only looks ends nothing");
        counter.Count(AnvilEvent.Message);
        counter.Count(AnvilEvent.Message);
        Assert.That(Filled(ClientLimits.Message, ClientClass.Other), Is.EqualTo(new[] { (2, 1L) }));
        Assert.That(Filled(ClientLimits.Recipient, ClientClass.Other), Is.EqualTo(new[] { (1, 1L) }));
        Assert.That(Filled(ClientLimits.ConnectionRate, ClientClass.Other), Is.EqualTo(new[] { (1, 1L) }));
        Assert.That(Filled(ClientLimits.Auth, ClientClass.Other), Is.Empty, "nothing is no count");
    }

    [Test]
    public void Window_OfARecordThatGoes_CountsToo()
    {
        for (var i = 0; i < 3; i++)
            Connect(mostErrors: null);
        _time.Advance(TimeSpan.FromSeconds(Unit));
        _table.RemoveExpired();
        Assert.That(_table.Size, Is.Zero);
        Assert.That(Filled(ClientLimits.ConnectionRate, ClientClass.Other), Is.EqualTo(new[] { (3, 1L) }));
    }

    [Test]
    public void Window_OfARecordThatIsPushedOut_CountsToo()
    {
        _snapshot.Replace(new() { Anvil = new() { ClientTableSize = 1000 } });
        _table = TestAnvil.Table(_snapshot, _time);
        _baselines = new(_table, _snapshot, _time);
        for (var i = 0; i < 1001; i++)
        {
            using var counter = new ClientCounter(_table, TestAnvil.Key(i));
            counter.Connect();
        }

        Assert.That(_table.Evicted, Is.EqualTo(1));
        Assert.That(Filled(ClientLimits.ConnectionRate, ClientClass.Other), Is.EqualTo(new[] { (1, 1L) }));
    }

    [Test]
    public void Window_AfterARelease_CountsOnlyWhatCameThen()
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Connect();
        counter.Count(AnvilEvent.Message);
        _table.Release(_client);
        counter.Count(AnvilEvent.Auth);
        _time.Advance(TimeSpan.FromSeconds(Unit + 1));
        counter.Count(AnvilEvent.Auth);
        Assert.That((Of(ClientLimits.Message, ClientClass.Other).Count, Of(ClientLimits.Auth, ClientClass.Other).Count), Is.EqualTo((0L, 1L)));
    }

    // A message in the window, in the one before, and earlier than that.
    [TestCase(0, ClientClass.Delivers)]
    [TestCase(Unit, ClientClass.Delivers)]
    [TestCase(Unit + 1, ClientClass.Other)]
    public void Class_OfAWindow_IsByTheMailAccepted(int secondsBefore, ClientClass expected)
    {
        _table.Delivering.Note(_client.Client);
        _time.Advance(TimeSpan.FromSeconds(secondsBefore));
        Connect(mostErrors: 0);
        Assert.That(Of(ObservedLimit.OpenConnections, expected).Count, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromSeconds(Unit));
        _table.RemoveExpired();
        Assert.That(Of(ClientLimits.ConnectionRate, expected).Count, Is.EqualTo(1));
    }

    [Test]
    public void Connection_WhoseMessageIsAccepted_IsOfOneWhoDelivers()
    {
        using (var counter = new ClientCounter(_table, _client))
        {
            counter.Connect();
            _time.Advance(TimeSpan.FromSeconds(5));
            counter.NoteDelivered();
            counter.NoteSessionEnd(mostErrors: 3);
        }

        Assert.That(Filled(ObservedLimit.OpenConnections, ClientClass.Delivers), Is.EqualTo(new[] { (1, 1L) }));
        Assert.That(Filled(ObservedLimit.SessionErrors, ClientClass.Delivers), Is.EqualTo(new[] { (3, 1L) }));
    }

    [Test]
    public void Connections_AtTheSameTime_CountAsManyAsThereWereAtEach()
    {
        var counters = Enumerable.Range(0, 3).Select(_ => new ClientCounter(_table, _client)).ToList();
        counters.ForEach(static counter => counter.Connect());
        counters.ForEach(static counter => counter.Dispose());
        counters.ForEach(static counter => counter.Dispose());
        Assert.That(Filled(ObservedLimit.OpenConnections, ClientClass.Other), Is.EqualTo(new[] { (1, 1L), (2, 1L), (3, 1L) }));
        Assert.That(Of(ObservedLimit.SessionErrors, ClientClass.Other).Count, Is.Zero, "no session, no errors of one");
    }

    [Test]
    public void Observe_No_CountsNothing()
    {
        _snapshot.Replace(new() { Anvil = new() { Observe = false } });
        Connect(mostErrors: 1);
        _time.Advance(TimeSpan.FromSeconds(Unit));
        _table.RemoveExpired();
        Assert.That(_baselines.Lines(), Is.Empty);
    }

    [Test]
    public void Days_ThatArePast_GoAfterEight()
    {
        Connect(mostErrors: 1);
        _time.Advance(TimeSpan.FromDays(7));
        Connect(mostErrors: 2);
        Assert.That(Filled(ObservedLimit.SessionErrors, ClientClass.Other), Is.EqualTo(new[] { (1, 1L), (2, 1L) }));
        Assert.That(Filled(ObservedLimit.SessionErrors, ClientClass.Other, days: 6), Is.EqualTo(new[] { (2, 1L) }));
        _time.Advance(TimeSpan.FromDays(1));
        Connect(mostErrors: 3);
        Assert.That(Filled(ObservedLimit.SessionErrors, ClientClass.Other), Is.EqualTo(new[] { (2, 1L), (3, 1L) }));
    }

    [Test]
    public void Unit_ThatIsChanged_BeginsAnew()
    {
        Connect(mostErrors: 1);
        _snapshot.Replace(new() { Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) } });
        Connect(mostErrors: 2);
        Assert.That(Filled(ObservedLimit.SessionErrors, ClientClass.Other), Is.EqualTo(new[] { (2, 1L) }));
    }

    [Test]
    public void Counting_OnceThereIsARecord_AllocatesNothing()
    {
        Connect(mostErrors: 1);
        var window = () =>
        {
            _table.Connect(_client);
            _time.Advance(TimeSpan.FromSeconds(Unit + 1));
            _table.Count(_client, AnvilEvent.Message);
            _table.End(new(_client, _table.Second, 1, 0));
        };
        window();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            window();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(Of(ObservedLimit.OpenConnections, ClientClass.Other).Count, Is.EqualTo(102));
    }

    [Test]
    public async Task File_OverARestart_BringsBackAllButWhatIsNotUnderstood()
    {
        using var state = new TestState();
        _table = TestAnvil.Table(_snapshot, state.Time);
        _baselines = new(_table, _snapshot, state.Time);
        using (var directory = state.Open())
        {
            using var file = new BaselineFile(_baselines, directory, state.Time);
            Connect(mostErrors: 7);
            state.Time.Advance(TimeSpan.FromDays(1));
            Connect(mostErrors: 7);
            Connect(mostErrors: 1000);
            state.Time.Advance(TimeSpan.FromSeconds(Unit));
            _table.RemoveExpired();
            await file.StopAsync(default);
        }

        var lines = await File.ReadAllLinesAsync(state.InIt("baseline"));
        Assert.That(lines, Does.Contain("smtp 20455 60 smtpd_hard_error_limit other 1000 7:1 190:1"));
        await File.WriteAllLinesAsync(state.InIt("baseline"), [
            .. lines, "smtp 20455 60 smtpd_hard_error_limit nobody 1 1:1", "rubbish \0", "smtp 20455 60 nix other 1 1:1",
            "smtp 20455 60 smtpd_hard_error_limit other 1 864:1", "smtp 20455 600 smtpd_hard_error_limit other 1 5:1",
            "smtp 20447 60 smtpd_hard_error_limit other 1 5:1", "smtp 20456 60 smtpd_hard_error_limit other 1 5:1",
        ]);
        using var next = state.Open();
        var later = new Baselines(TestAnvil.Table(_snapshot, state.Time), _snapshot, state.Time);
        using var read = new BaselineFile(later, next, state.Time);
        Assert.That(later.Lines(), Is.EqualTo(lines));
        Assert.That(state.Lines, Is.EqualTo([$"{state.InIt("baseline")}: line {lines.Length + 1} is not understood and left out"]));
        var sample = later.Of("smtp").Sum(ObservedLimit.SessionErrors, ClientClass.Other, later.Today, 7, Unit);
        Assert.That((sample.Count, sample.Largest, sample.Quantile(0.5)), Is.EqualTo((3L, 1000, (int?)7)));
    }

    private void Connect(int? mostErrors)
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Connect();
        if (mostErrors is { } errors)
            counter.NoteSessionEnd(errors);
    }

    private (int Bucket, long Count)[] Filled(ClientLimit limit, ClientClass whose) => [.. Of(limit, whose).Filled()];

    private (int Bucket, long Count)[] Filled(int limit, ClientClass whose, int days = 7) => [.. Of(limit, whose, days).Filled()];

    private BaselineSample Of(ClientLimit limit, ClientClass whose) => Of(ClientLimits.IndexOf(limit), whose);

    private BaselineSample Of(int limit, ClientClass whose, int days = 7) =>
        _baselines.Of("smtp").Sum(limit, whose, _baselines.Today, days, _baselines.Unit);
}
