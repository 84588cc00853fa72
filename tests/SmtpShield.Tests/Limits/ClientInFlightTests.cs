using System.Threading.Channels;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

public class ClientInFlightTests
{
    private const int Limit = 2;

    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private Channel<bool> _woken = null!;
    private AnvilTable _table = null!;

    [SetUp]
    public void Create()
    {
        _woken = Channel.CreateUnbounded<bool>();
        _table = TestAnvil.Table(new ShieldSnapshot(new() { Anvil = new() { ClientTableSize = 1000 } }), new FakeTimeProvider());
    }

    [Test]
    public void BeginLogin_OfManySessions_UpToOneAboveTheLimitThenTheyWait()
    {
        var sessions = Sessions(5);

        Assert.That(sessions.Select(Begin), Is.EqualTo(new[] { LoginTurn.Begun, LoginTurn.Begun, LoginTurn.Begun, LoginTurn.Wait, LoginTurn.Wait }));
    }

    [Test]
    public void BeginLogin_Again_IsTheSameLogin()
    {
        var sessions = Sessions(2);
        for (var i = 0; i < 10; i++)
            Assert.That(Begin(sessions[0]), Is.EqualTo(LoginTurn.Begun));
        Assert.That(Begin(sessions[1]), Is.EqualTo(LoginTurn.Begun));
    }

    [Test, CancelAfter(10_000)]
    public async Task EndLogin_OthersWait_WakesThemAllOnce(CancellationToken cancellationToken)
    {
        var sessions = Sessions(5);
        foreach (var session in sessions)
            Begin(session);
        sessions[0].EndLogin();
        sessions[0].EndLogin();
        await _woken.Reader.ReadAsync(cancellationToken);
        await _woken.Reader.ReadAsync(cancellationToken);

        Assert.That((_woken.Reader.Count, Begin(sessions[3]), Begin(sessions[4])), Is.EqualTo((0, LoginTurn.Begun, LoginTurn.Wait)));
    }

    [Test]
    public void BeginLogin_RefusedOnesSpendTheBudget_Spent()
    {
        var sessions = Sessions(2);
        for (var i = 0; i <= Limit; i++)
        {
            Assert.That(Begin(sessions[0]), Is.EqualTo(LoginTurn.Begun));
            sessions[0].Count(AnvilEvent.AuthFailure);
            sessions[0].EndLogin();
        }

        Assert.That(sessions.Select(Begin), Is.All.EqualTo(LoginTurn.Spent));
    }

    [Test]
    public void Dispose_InTheMiddle_LeavesNothing()
    {
        var sessions = Sessions(5);
        foreach (var session in sessions)
        {
            Begin(session);
            session.NoteCommands(7);
        }

        var during = sessions[0].CommandsInFlight;
        foreach (var session in sessions[1..])
            session.Dispose();
        var one = (sessions[0].CommandsInFlight, _table.InFlight.Count);
        sessions[0].Dispose();
        sessions[0].Dispose();

        Assert.That((during, one, _table.InFlight.Count), Is.EqualTo((35, (7, 1), 0)));
    }

    [Test]
    public void NoteCommands_OfOtherClientsAndServices_AreTheirs()
    {
        using var one = new ClientCounter(_table, _client);
        using var other = new ClientCounter(_table, TestAnvil.Key("192.0.2.8"));
        using var submission = new ClientCounter(_table, _client with { Service = "submission" });
        one.NoteCommands(1);
        other.NoteCommands(2);
        submission.NoteCommands(3);
        other.NoteCommands(0);

        Assert.That((one.CommandsInFlight, other.CommandsInFlight, submission.CommandsInFlight), Is.EqualTo((1, 0, 3)));
    }

    [Test]
    public void TryAddCommand_Again_IsTheSameCommand()
    {
        var sessions = Sessions(2);
        for (var i = 0; i < 10; i++)
            Assert.That(sessions[0].TryAddCommand(Limit), Is.True);
        Assert.That(sessions[1].CommandsInFlight, Is.EqualTo(1));

        sessions[0].NoteCommands(1);
        Assert.That((sessions[0].TryAddCommand(Limit), sessions[1].TryAddCommand(Limit), sessions[1].TryAddCommand(Limit)), Is.EqualTo((true, true, true)));
        sessions[0].NoteCommands(2);
        Assert.That((sessions[0].TryAddCommand(Limit), sessions[1].CommandsInFlight), Is.EqualTo((false, 3)));
    }

    [Test, CancelAfter(60_000)]
    public void TryAddCommand_FromManyThreads_NeverMoreThanTheBudget(CancellationToken cancellationToken)
    {
        for (var round = 0; round < 200; round++)
        {
            Create();
            var added = 0;
            var sessions = Sessions(16);
            Parallel.ForEach(sessions, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken }, session =>
            {
                for (var i = 0; i < 50; i++)
                {
                    if (!session.TryAddCommand(Limit))
                        continue;
                    session.NoteCommands(1);
                    Interlocked.Increment(ref added);
                    session.Count(AnvilEvent.Error);
                    session.NoteCommands(0);
                }
            });
            Assert.That(added, Is.EqualTo(Limit + 1));
        }
    }

    [Test, CancelAfter(60_000)]
    public void BeginLogin_FromManyThreads_NeverMoreThanTheBudget(CancellationToken cancellationToken)
    {
        for (var round = 0; round < 200; round++)
        {
            Create();
            var begun = 0;
            var sessions = Sessions(16);
            Parallel.ForEach(sessions, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken }, session =>
            {
                for (var i = 0; i < 50; i++)
                {
                    if (Begin(session) != LoginTurn.Begun)
                        continue;
                    Interlocked.Increment(ref begun);
                    session.Count(AnvilEvent.AuthFailure);
                    session.EndLogin();
                }
            });
            Assert.That(begun, Is.EqualTo(Limit + 1));
        }
    }

    private LoginTurn Begin(ClientCounter session) => session.BeginLogin(Limit, WakeOf(session));

    private readonly Dictionary<ClientCounter, Action> _wakes = [];

    private Action WakeOf(ClientCounter session)
    {
        var woken = _woken.Writer;
        lock (_wakes)
            return _wakes.TryGetValue(session, out var wake) ? wake : _wakes[session] = () => woken.TryWrite(true);
    }

    private ClientCounter[] Sessions(int count)
    {
        var sessions = new ClientCounter[count];
        for (var i = 0; i < count; i++)
            (sessions[i] = new(_table, _client)).Connect();
        return sessions;
    }
}
