using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
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
        var news = new List<string>();
        old.Follow(news.Add);
        var lines = old.Lines().ToList();
        // Known already, and said all the same.
        news.Add("smtp 192.0.2.7/32 2");
        _old.Connect(_open);
        var (table, its) = New(lines);
        _old.Disconnect(_open);
        _old.Disconnect(_open);
        news.ForEach(its.Hear);

        Assert.That(table.Peek(_open).ConnectionCount, Is.EqualTo(1));
        its.Hear("smtp 192.0.2.7/32");
        its.Hear("smtp 192.0.2.250/32 0");
        its.HearEnd();
        Assert.That(table.Peek(_open).ConnectionCount, Is.Zero);
        old.Follow(null);
        news.Clear();
        _old.Disconnect(_open);
        Assert.That(news, Is.Empty);
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

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private static AnvilKey KeyOf(string service, string address) => new(service, ClientRange.Of(IPAddress.Parse(address), 32, 128));
}
