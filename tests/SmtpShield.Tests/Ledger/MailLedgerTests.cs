using SmtpShield.Testing.Ledger;

namespace SmtpShield.Tests.Ledger;

/// <summary>The ledger itself notices what it is for.</summary>
public class MailLedgerTests
{
    private MailLedger _ledger = null!;
    private LedgerMail _mail = null!;

    [SetUp]
    public void SendOne()
    {
        _ledger = new();
        _mail = _ledger.Open();
        _ledger.NoteAcknowledged(_mail, "Q1");
    }

    [Test]
    public void Differences_StoredOnceAsTold_AreNone() => Assert.That(_ledger.Differences([Stored("Q1")]), Is.Empty);

    [Test]
    public void Differences_NotStored_IsLost() => AssertOne("lost, acknowledged as Q1");

    [Test]
    public void Differences_StoredUnderAnotherName_IsAnAcknowledgementOfSomethingElse() =>
        AssertOne("acknowledged as Q1, which is not this mail; stored as Q2", Stored("Q2"));

    [Test]
    public void Differences_StoredTwiceWithoutReason_IsADuplicate() =>
        AssertOne("stored 2 times, its client was left without an answer 0 times", Stored("Q1"), Stored("Q2"));

    [Test]
    public void Differences_StoredTwiceAndOnceUnanswered_AreNone()
    {
        _mail.NoteUnanswered();

        Assert.That(_ledger.Differences([Stored("Q1"), Stored("Q2")]), Is.Empty);
    }

    [Test]
    public void Differences_DeliveredTwiceOfOneAcceptance_AreNone() => Assert.That(_ledger.Differences([Stored("Q1"), Stored("Q1")]), Is.Empty);

    [Test]
    public void Differences_WithoutItsEnd_IsOne() => AssertOne("stored without its end", Stored("Q1") with { IsWhole = false });

    [Test]
    public void Differences_WhatMustNotBeTold_IsOne()
    {
        _ledger.NoteBreach("a client was told \"550\"");

        Assert.That(_ledger.Differences([Stored("Q1")]), Is.EqualTo(["a client was told \"550\""]));
    }

    [Test]
    public void Differences_NeverAccepted_IsOne()
    {
        _ledger.Open();

        Assert.That(_ledger.Differences([Stored("Q1")]), Has.One.EndsWith("its client was never told that it is accepted"));
    }

    [TestCase(true), TestCase(false)]
    public void Parse_AsPostfixStoresIt_HasBothNames(bool isWhole)
    {
        var text = $"Return-Path: <a@x>\nReceived: from client.example (unknown [127.84.0.1])\n\tby mail.example.test (Postfix) with ESMTP id 4XyZ1\n"
            + "\tfor <b@x>; Sat, 1 Aug 2026 12:00:00 +0000 (UTC)\nMessage-Id: <1.name@client.example>\n\n"
            + $"xxx\n{(isWhole ? "End of 1.name@client.example\n" : "")}";

        Assert.That(StoredMail.Parse(text), Is.EqualTo(new StoredMail("1.name@client.example", "4XyZ1", isWhole)));
    }

    private StoredMail Stored(string queueId) => new(_mail.Id, queueId, IsWhole: true);

    private void AssertOne(string difference, params StoredMail[] stored) =>
        Assert.That(_ledger.Differences(stored), Is.EqualTo([$"{_mail.Id}: {difference}"]));
}
