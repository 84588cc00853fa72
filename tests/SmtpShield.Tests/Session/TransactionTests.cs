using System.Text;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

public class TransactionTests
{
    [TestCase(0, 0)]
    [TestCase(255, 255)]
    [TestCase(256, 256)]
    [TestCase(257, 256)]
    [TestCase(100_000, 256)]
    public void Keep_Argument_IsKeptUpTo256Octets(int length, int kept)
    {
        var text = new Transaction();
        var first = Keep(text, "first");
        var argument = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var line = text.Keep(argument);

        Assert.That(text.WordsOf(line).ToArray(), Is.EqualTo(argument[..kept]));
        Assert.That(Kept(text, first), Is.EqualTo("first"));
    }

    [Test]
    public void Kept_ManyArguments_AreAllThere()
    {
        var text = new Transaction();
        var kept = Enumerable.Range(0, 1000).Select(i => Keep(text, $"user{i}@example.test")).ToArray();

        Assert.That(kept.Select(command => Kept(text, command)), Is.EqualTo(Enumerable.Range(0, 1000).Select(i => $"user{i}@example.test")));
    }

    [Test]
    public void Forget_ClientThatAlwaysHasCommandsWaiting_KeepsNoMoreThanThose()
    {
        var text = new Transaction();
        var waiting = new Queue<(KeptLine Line, byte[] Argument)>();
        var random = new Random(1);
        for (var i = 0; i < 100; i++)
            Add();
        Replace(2000);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var allocatedByTest = Replace(20_000);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before - allocatedByTest, Is.LessThan(128 * 1024));

        long Replace(int count)
        {
            var allocated = 0L;
            for (var i = 0; i < count; i++)
            {
                var (line, argument) = waiting.Dequeue();
                if (!text.WordsOf(line).SequenceEqual(argument))
                    Assert.Fail($"Argument {i} is not what was kept.");
                text.Forget(line);
                var start = GC.GetAllocatedBytesForCurrentThread();
                var next = new byte[random.Next(0, Transaction.LongestWords + 1)];
                random.NextBytes(next);
                allocated += GC.GetAllocatedBytesForCurrentThread() - start;
                Add(next);
            }

            return allocated;
        }

        void Add(byte[]? argument = null)
        {
            argument ??= new byte[Transaction.LongestWords];
            waiting.Enqueue((text.Keep(argument), argument));
        }
    }

    [Test]
    public void Forget_CommandWithoutAnArgument_LeavesTheOthers()
    {
        var text = new Transaction();
        var kept = Keep(text, "first");
        text.Forget(default);

        Assert.That(Kept(text, kept), Is.EqualTo("first"));
    }

    [Test]
    public void Kept_NoArgument_IsEmpty() => Assert.That(Kept(new Transaction(), default), Is.Empty);

    [TestCase(256, 256)]
    [TestCase(257, 256)]
    [TestCase(12_000, 256)]
    public void SetHeloAndOpenTransaction_LongText_IsBounded(int length, int kept)
    {
        var text = new Transaction();
        text.Greet(text.Keep(new byte[length]), isEsmtp: true);
        text.Open(text.Keep(new byte[length]));

        Assert.That((text.Helo.Length, text.Sender.Length), Is.EqualTo((kept, kept)));
    }

    [Test]
    public void SetHelo_ShorterThanBefore_IsOnlyTheNewName()
    {
        var text = new Transaction();
        text.Greet(text.Keep("long.example.test"u8), isEsmtp: false);
        text.Greet(text.Keep("a.b"u8), isEsmtp: true);

        Assert.That((Encoding.ASCII.GetString(text.Helo), text.IsEsmtp), Is.EqualTo(("a.b", true)));
    }

    [Test]
    public void SetHelo_InATransaction_ClosesIt()
    {
        var text = new Transaction();
        text.Open(text.Keep("a@b"u8));
        text.AddRecipient(text.Keep("x@y"u8));
        text.Greet(text.Keep("x"u8), isEsmtp: true);

        Assert.That((text.HasSender, text.Recipients), Is.EqualTo((false, 0)));
    }

    [Test]
    public void SetHelo_HeloBehindEhlo_IsStillEsmtp()
    {
        var text = new Transaction();
        text.Greet(text.Keep("a"u8), isEsmtp: true);
        text.Greet(text.Keep("b"u8), isEsmtp: false);

        Assert.That((Encoding.ASCII.GetString(text.Helo), text.IsEsmtp), Is.EqualTo(("b", true)));
    }

    [Test]
    public void FirstRecipient_OfTwo_IsTheFirstUntilTheTransactionIsOver()
    {
        var text = new Transaction();
        text.Open(text.Keep("a@b"u8));
        var before = text.FirstRecipient.Length;
        text.AddRecipient(text.Keep("first@y"u8));
        text.AddRecipient(text.Keep("second@y"u8));
        var first = Encoding.ASCII.GetString(text.FirstRecipient);
        text.EndMessage();

        Assert.That((before, first, text.FirstRecipient.Length), Is.EqualTo((0, "first@y", 0)));
    }

    [TestCase(true, true, "a@b", "x@y", "from=<a@b> to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(true, true, "", "x@y", "from=<> to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(true, false, "a@b", "", "from=<a@b> proto=SMTP helo=<h>")]
    [TestCase(false, true, "", "x@y", "to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(false, false, "", "", "proto=SMTP helo=<h>")]
    public void Describe_Known_IsPostfixsTail(bool hasSender, bool isEsmtp, string sender, string recipient, string expected)
    {
        var text = new Transaction();
        text.Greet(text.Keep("h"u8), isEsmtp);

        Assert.That(text.Describe(Encoding.ASCII.GetBytes(sender), Encoding.ASCII.GetBytes(recipient), hasSender), Is.EqualTo(expected));
    }

    [Test]
    public void Describe_WithoutHelo_LeavesItOut() =>
        Assert.That(new Transaction().Describe("a@b"u8, default, hasSender: true), Is.EqualTo("from=<a@b> proto=SMTP"));

    [Test]
    public void Describe_ControlCharacters_StayOnOneLine()
    {
        var text = new Transaction();
        text.Greet(text.Keep("h\r\nx"u8), isEsmtp: true);

        Assert.That(text.Describe("a\n"u8, "b\t"u8, hasSender: true), Does.Not.Match("[\\x00-\\x1f]"));
    }

    [Test]
    public void KeepWhole_HeloAndMail_AreThereAsTheyWereSaid()
    {
        var transaction = new Transaction();
        var parameter = new string('x', 1000);
        transaction.Greet(KeepWhole(transaction, "EHLO client.example", "client.example"), isEsmtp: true);
        transaction.Open(KeepWhole(transaction, $"MAIL FROM:<a@b> SIZE=1 X={parameter}", "a@b"));

        Assert.That(
            (Encoding.ASCII.GetString(transaction.HeloLine), Encoding.ASCII.GetString(transaction.Helo), Encoding.ASCII.GetString(transaction.SenderLine),
                Encoding.ASCII.GetString(transaction.Sender)),
            Is.EqualTo(("EHLO client.example", "client.example", $"MAIL FROM:<a@b> SIZE=1 X={parameter}", "a@b")));
    }

    [Test]
    public void HasRoom_LinesThatNobodyAnswers_IsOverAtTheBound()
    {
        var transaction = new Transaction();
        var kept = new Queue<KeptLine>();
        while (transaction.HasRoom)
            kept.Enqueue(KeepWhole(transaction, new string('x', 1024), ""));
        var most = kept.Count;
        transaction.Forget(kept.Dequeue());

        Assert.That((most, transaction.HasRoom), Is.EqualTo((Transaction.MostKept / 1024, true)));
    }

    private static KeptLine KeepWhole(Transaction transaction, string line, string words)
    {
        var octets = Encoding.ASCII.GetBytes(line);
        return transaction.KeepWhole(octets, octets.AsSpan(line.IndexOf(words, StringComparison.Ordinal), words.Length));
    }

    private static KeptLine Keep(Transaction text, string argument) => text.Keep(Encoding.ASCII.GetBytes(argument));

    private static string Kept(Transaction text, KeptLine line) => Encoding.ASCII.GetString(text.WordsOf(line));
}
