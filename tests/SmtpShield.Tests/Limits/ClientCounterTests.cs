using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

public class ClientCounterTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");

    private AnvilTable _table = null!;

    [SetUp]
    public void Create() => _table = TestAnvil.Table(new ShieldSnapshot(new() { Anvil = new() { ClientTableSize = 1000 } }), new FakeTimeProvider());

    [Test]
    public void Connect_Twice_AreTwoConnectionsUntilDisposed()
    {
        using var first = new ClientCounter(_table, _client);
        var second = new ClientCounter(_table, _client);
        var counts = new[] { first.Connect(), second.Connect() };
        second.Dispose();
        second.Dispose();

        Assert.That((counts[0], counts[1], _table.Peek(_client)), Is.EqualTo((new AnvilCounts(1, 1), new AnvilCounts(2, 2), new AnvilCounts(1, 2))));
    }

    [Test]
    public void Count_ConnectedClient_CountsTheEventOnly()
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Connect();

        Assert.That((counter.Count(AnvilEvent.Message), counter.Count(AnvilEvent.Message), _table.Peek(_client)),
            Is.EqualTo((1, 2, TestAnvil.Counts(1, 1, messages: 2))));
    }

    [Test]
    public void Count_NotConnectedBecauseNoLimitWasSet_CountsTheConnectionOnceAndItsEnd()
    {
        var counter = new ClientCounter(_table, _client);
        counter.Count(AnvilEvent.Message);
        counter.Count(AnvilEvent.Message);
        var during = _table.Peek(_client);
        counter.Dispose();

        Assert.That((during, _table.Peek(_client)), Is.EqualTo((TestAnvil.Counts(1, 1, messages: 2), TestAnvil.Counts(0, 1, messages: 2))));
    }

    [Test]
    public void Dispose_NeverConnected_LeavesOthersConnectionsAlone()
    {
        _table.Connect(_client);
        new ClientCounter(_table, _client).Dispose();

        Assert.That(_table.Peek(_client), Is.EqualTo(new AnvilCounts(1, 1)));
    }

    [Test]
    public void Dispose_ClientThatWasNotTracked_LeavesOthersConnectionsAlone()
    {
        Fill();
        var counter = new ClientCounter(_table, _client);
        counter.Connect();
        _table.Disconnect(TestAnvil.Key(0));
        _table.Connect(_client);
        counter.Dispose();

        Assert.That(_table.Peek(_client), Is.EqualTo(new AnvilCounts(1, 1)));
    }

    [Test]
    public void Count_ClientThatWasNotTracked_IsTrackedWhenThereIsRoom()
    {
        Fill();
        var counter = new ClientCounter(_table, _client);
        var counts = counter.Connect();
        var events = new[] { counter.Count(AnvilEvent.Message), counter.Count(AnvilEvent.Message) };
        _table.Disconnect(TestAnvil.Key(0));
        var later = new[] { counter.Count(AnvilEvent.Message), counter.Count(AnvilEvent.Message) };
        var during = _table.Peek(_client);
        counter.Dispose();

        Assert.That((counts.IsUntracked, events, later), Is.EqualTo((true, new[] { 1, 1 }, new[] { 1, 2 })));
        Assert.That((during, _table.Peek(_client)), Is.EqualTo((TestAnvil.Counts(1, 1, messages: 2), TestAnvil.Counts(0, 1, messages: 2))));
    }

    [Test]
    public void Peek_AnEvent_CountsNothing()
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Connect();
        foreach (var kind in Enum.GetValues<AnvilEvent>())
        {
            for (var i = 0; i <= (int)kind; i++)
                counter.Count(kind);
        }

        Assert.That(Enum.GetValues<AnvilEvent>().Concat(Enum.GetValues<AnvilEvent>()).Select(counter.Peek),
            Is.EqualTo(new[] { 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6 }));
    }

    private void Fill()
    {
        for (var i = 0; i < 1000; i++)
            _table.Connect(TestAnvil.Key(i));
    }

    [Test]
    public void Connect_BehindAnEvent_CountsTheConnectionOnce()
    {
        using var counter = new ClientCounter(_table, _client);
        counter.Count(AnvilEvent.NewTlsSession);

        Assert.That((counter.Connect(), _table.Peek(_client).ConnectionCount), Is.EqualTo((TestAnvil.Counts(1, 1, newTlsSessions: 1), 1)));
    }
}
