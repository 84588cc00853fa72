using System.Text;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.State;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Limits;

internal sealed class PastHandOverTests
{
    private static readonly AnvilKey _client = TestAnvil.Key("192.0.2.7");
    private static readonly AnvilKey _other = TestAnvil.Key("2001:db8:1::1");

    private FakeTimeProvider _time = null!;
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _old = null!;

    [SetUp]
    public void Begin()
    {
        _time = new FakeTimeProvider();
        _snapshot = new ShieldSnapshot(new ShieldOptions());
        _old = TestAnvil.Table(_snapshot, _time);
    }

    [Test]
    public void Hear_WhatWasRefusedThere_IsKnownHere()
    {
        for (var i = 1; i <= ClientPast.Kept + 3; i++)
        {
            _old.Note(_client, Refusal(60 + i));
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        _old.Note(_client, ClientEvent.OfError(Verb.Rcpt, 550, 3));
        _old.NoteReply(_client, Encoding.ASCII.GetBytes("550 5.1.1 <a@b.example>: who?"));
        _old.Note(_other, ClientEvent.OfPipelining(554));
        _time.Advance(TimeSpan.FromSeconds(5));

        var (table, lines) = HandOver();

        Assert.That(lines, Has.Count.EqualTo(2));
        using (Assert.EnterMultipleScope())
        {
            foreach (var key in (AnvilKey[])[_client, _other])
                AssertSame(table.History.Of(key)!, _old.History.Of(key)!, table);
        }
    }

    [Test]
    public void Hear_OfOneWhoWasRefusedHereMeanwhile_IsBeforeThat()
    {
        _old.Note(_client, Refusal(61));
        _time.Advance(TimeSpan.FromSeconds(70));
        var old = new PastHandOver(_old);
        old.Follow(HandOverSide.Successor, static () => { });
        var table = TestAnvil.Table(_snapshot, _time);
        table.Note(_client, Refusal(62));
        foreach (var line in old.News(HandOverSide.Successor))
            new PastHandOver(table).Hear(HandOverSide.Predecessor, line);

        var past = table.History.Of(_client)!;
        Assert.That(past.Events.Select(static noted => noted.Count), Is.EqualTo(new[] { 62, 61 }));
        Assert.That((past.Refused, past.Events[0].Second - past.First, past.Refusals[0].Count), Is.EqualTo((2, 70, 2)));
        Assert.That(table.History.Newest(1).Single().Past.Refused, Is.EqualTo(2), "it came again");
    }

    [Test]
    public void Hear_OfAnotherVersion_TakesWhatItKnows()
    {
        var table = TestAnvil.Table(_snapshot, _time);
        var second = _time.GetUtcNow().ToUnixTimeSeconds();
        var its = new PastHandOver(table);
        its.Hear(HandOverSide.Predecessor, $"smtp 192.0.2.7/32 {second} 5 unheard=3,Pipelining=2 unheard={second}/{second} "
            + $"{second}/unheard/421/1/2,{second}/Error:Rcpt/550/1/0,{second}/Error:Unheard/550/1/0,what -");
        its.Hear(HandOverSide.Predecessor, "smtp 192.0.2.8/32 what is this");

        var past = table.History.Of(_client)!;
        Assert.That((past.Refused, past.Events.Single().Verb, past.Refusals.Single().Count, past.Runs.All().Count(), past.Reply),
            Is.EqualTo((5, (Verb?)Verb.Rcpt, 2, 0, (string?)null)));
        Assert.That(table.History.Count, Is.EqualTo(1));
    }

    [Test]
    public void News_IsSaidOnceAndToASuccessor()
    {
        _old.Note(_client, Refusal(61));
        var old = new PastHandOver(_old);
        Assert.That(old.News(HandOverSide.Successor), Is.Empty, "nobody follows");
        var changes = 0;
        old.Follow(HandOverSide.Successor, () => changes++);

        Assert.That((changes, old.News(HandOverSide.Predecessor).Count(), old.News(HandOverSide.Successor).Count(), old.News(HandOverSide.Successor).Count()),
            Is.EqualTo((1, 0, 1, 0)));
    }

    private static ClientEvent Refusal(int count) => ClientEvent.Of(new LimitHit(ClientLimits.ConnectionRate, count), 60, 421);

    private (AnvilTable Table, List<string> Lines) HandOver()
    {
        var (old, table) = (new PastHandOver(_old), TestAnvil.Table(_snapshot, _time));
        old.Follow(HandOverSide.Successor, static () => { });
        var lines = old.News(HandOverSide.Successor).ToList();
        var its = new PastHandOver(table);
        lines.ForEach(line => its.Hear(HandOverSide.Predecessor, line));
        return (table, lines);
    }

    // Each table counts seconds from its own start.
    private void AssertSame(PastView actual, PastView expected, AnvilTable table)
    {
        var moved = _old.Second - table.Second;
        Assert.That((actual.First + moved, actual.Refused, actual.Reply), Is.EqualTo((expected.First, expected.Refused, expected.Reply)));
        Assert.That(actual.Events.Select(noted => noted with { Second = noted.Second + moved }), Is.EqualTo(expected.Events));
        Assert.That(actual.Refusals, Is.EqualTo(expected.Refusals));
        Assert.That(
            actual.Runs.All().Select(run => run with { Since = run.Since + moved, End = run.Limit.IsOnOpenConnections ? run.End : run.End + moved }),
            Is.EqualTo(expected.Runs.All()));
    }
}
