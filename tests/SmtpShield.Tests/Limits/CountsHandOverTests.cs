using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.State;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

internal sealed class CountsHandOverTests
{
    private static readonly AnvilKey _open = KeyOf("smtp", "192.0.2.7");
    private static readonly AnvilKey _away = new("submission", ClientRange.Of(IPAddress.Parse("2001:db8:1::1"), 32, 64));
    private static readonly AnvilKey _gone = KeyOf("smtp", "192.0.2.9");

    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _old = null!;

    [SetUp]
    public void Count()
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new ShieldOptions());
        _old = TestAnvil.Table(_snapshot, _time);
        _old.Connect(_gone);
        _old.Disconnect(_gone);
        Advance(45);
        _old.Connect(_open);
        _old.Connect(_open);
        _old.Count(_open, AnvilEvent.Recipient);
        _old.Connect(_away);
        _old.Count(_away, AnvilEvent.AuthFailure);
        _old.Disconnect(_away);
        Advance(20);
    }

    [Test]
    public void Take_WhatWasCounted_CountsOnInItsWindow()
    {
        var (table, _) = New(new CountsHandOver(_old).Lines());

        Assert.That((table.Peek(_open), table.Peek(_away), table.Peek(_gone)), Is.EqualTo((_old.Peek(_open), _old.Peek(_away), default(AnvilCounts))));
        Assert.That(table.Peek(_open).Of(AnvilEvent.Recipient), Is.EqualTo(1));
        Assert.That(table.Size, Is.EqualTo(2), "what has expired is not taken");
        Advance(40);
        Assert.That(table.Connect(_open), Is.EqualTo(TestAnvil.Counts(3, 3, recipients: 1)), "the last second of the window");
        Advance(1);
        Assert.That(table.Connect(_open), Is.EqualTo(new AnvilCounts(4, 1)), "the next window");
        Assert.That(table.Peek(_away), Is.EqualTo(new AnvilCounts(0, 0)));
    }

    [Test]
    public void Hear_ConnectionsThatEndThere_EndHere()
    {
        var old = new CountsHandOver(_old);
        old.Follow(HandOverSide.Successor, static () => { });
        var (table, its) = New([.. old.Lines()]);
        _old.Disconnect(_open);
        TellSuccessor(old, its);
        // Known already, and said all the same.
        its.Hear(HandOverSide.Predecessor, "smtp 192.0.2.7/32 1");

        Assert.That(table.Peek(_open).ConnectionCount, Is.EqualTo(1));
        its.Hear(HandOverSide.Predecessor, "smtp 192.0.2.7/32 what");
        its.Hear(HandOverSide.Predecessor, "smtp 192.0.2.250/32 0");
        its.HearEnd(HandOverSide.Predecessor);
        Assert.That(table.Peek(_open).ConnectionCount, Is.Zero);
        old.Follow(HandOverSide.Successor, null);
        _old.Disconnect(_open);
        Assert.That(old.News(HandOverSide.Successor).Skip(1), Is.Empty);
    }

    [Test]
    public void Hear_WhatIsCountedAtBoth_CountsAtBothOnce()
    {
        var changes = 0;
        var old = new CountsHandOver(_old);
        old.Follow(HandOverSide.Successor, () => changes++);
        _old.Count(_open, AnvilEvent.Auth);
        var lines = old.Lines().ToList();
        _old.Count(_open, AnvilEvent.Message);
        var (table, its) = New(lines);
        its.Follow(HandOverSide.Predecessor, static () => { });
        Assert.That(table.Peek(_open), Is.EqualTo(TestAnvil.Counts(2, 2, recipients: 1, auths: 1)), "what was counted before its record was copied");

        // Both at the same time, and again what was told already.
        _old.Count(_open, AnvilEvent.Message);
        table.Connect(_open);
        table.Count(_open, AnvilEvent.Recipient);
        for (var i = 0; i < 2; i++)
        {
            TellSuccessor(old, its);
            TellPredecessor(its, old);
            its.Hear(HandOverSide.Predecessor, "smtp 192.0.2.7/32 counted 0,2,0,0,0,0,0");
        }

        Assert.That(table.Peek(_open), Is.EqualTo(TestAnvil.Counts(3, 3, messages: 2, recipients: 2, auths: 1)));
        Assert.That(_old.Peek(_open), Is.EqualTo(TestAnvil.Counts(2, 3, messages: 2, recipients: 2, auths: 1)), "its own connections");
        Assert.That(changes, Is.EqualTo(2), "one call for what was not asked for between");

        // A client the old one has nothing of is nothing to it.
        table.Connect(_gone);
        Assert.That(its.News(HandOverSide.Predecessor), Is.Empty);
        its.HearEnd(HandOverSide.Predecessor);
        Assert.That(table.Peek(_open), Is.EqualTo(TestAnvil.Counts(1, 3, messages: 2, recipients: 2, auths: 1)));
    }

    [Test]
    public void Hear_AConnectionThatWasJustAcceptedThere_CountsHere()
    {
        var old = new CountsHandOver(_old);
        old.Follow(HandOverSide.Successor, static () => { });
        var (table, its) = New([.. old.Lines()]);
        _old.Connect(_gone);
        TellSuccessor(old, its);
        Assert.That(table.Peek(_gone), Is.EqualTo(new AnvilCounts(1, 1)));

        _old.Disconnect(_gone);
        TellSuccessor(old, its);
        Assert.That(table.Peek(_gone), Is.EqualTo(new AnvilCounts(0, 1)));
    }

    [Test]
    public void Hear_InAChainOfThree_ReachesBothEnds()
    {
        var first = new CountsHandOver(_old);
        first.Follow(HandOverSide.Successor, static () => { });
        var (middle, second) = New([.. first.Lines()]);
        second.Follow(HandOverSide.Predecessor, static () => { });
        second.Follow(HandOverSide.Successor, static () => { });
        var (last, third) = New([.. second.Lines()]);
        third.Follow(HandOverSide.Predecessor, static () => { });
        _old.Count(_open, AnvilEvent.Message);
        last.Connect(_open);

        TellSuccessor(first, second);
        TellSuccessor(second, third);
        TellPredecessor(third, second);
        TellPredecessor(second, first);

        Assert.That((_old.Peek(_open).ConnectionRate, middle.Peek(_open).ConnectionRate, last.Peek(_open).ConnectionRate), Is.EqualTo((3, 3, 3)));
        Assert.That(last.Peek(_open).Of(AnvilEvent.Message), Is.EqualTo(1));
    }

    [Test]
    public void Take_OfAnotherVersion_TakesWhatItKnows()
    {
        var lines = new CountsHandOver(_old).Lines().ToList();
        var second = _time.GetUtcNow().ToUnixTimeSeconds();
        var (table, _) = New([
            "Recipient,Unheard,Connection", $"smtp 192.0.2.20/32 1 - {second} 5,6,7 0,0,0", $"smtp 192.0.2.21/32 1 - {second} 5,6 0,0", "smtp what is this",
        ]);

        Assert.That((table.Peek(KeyOf("smtp", "192.0.2.20")).Of(AnvilEvent.Recipient), table.Peek(KeyOf("smtp", "192.0.2.20")).ConnectionRate, table.Size),
            Is.EqualTo((5, 7, 1)));
        Assert.That(New([]).Table.Size, Is.Zero);
        Assert.That(lines[0], Is.EqualTo("Connection,Message,Recipient,NewTlsSession,Auth,Error,AuthFailure"));
    }

    private (AnvilTable Table, CountsHandOver Its) New(IEnumerable<string> lines)
    {
        var table = TestAnvil.Table(_snapshot, _time);
        var its = new CountsHandOver(table);
        its.Take([.. lines]);
        return (table, its);
    }

    private static void TellSuccessor(CountsHandOver teller, CountsHandOver successor) =>
        teller.News(HandOverSide.Successor).ToList().ForEach(line => successor.Hear(HandOverSide.Predecessor, line));

    private static void TellPredecessor(CountsHandOver teller, CountsHandOver predecessor) =>
        teller.News(HandOverSide.Predecessor).ToList().ForEach(line => predecessor.Hear(HandOverSide.Successor, line));

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private static AnvilKey KeyOf(string service, string address) => new(service, ClientRange.Of(IPAddress.Parse(address), 32, 128));
}
