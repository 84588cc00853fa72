using System.Text;
using SmtpShield.Relay;

namespace SmtpShield.Tests.Relay;

public class EnvelopeTextTests
{
    [TestCase(0, 0)]
    [TestCase(255, 255)]
    [TestCase(256, 256)]
    [TestCase(257, 256)]
    [TestCase(100_000, 256)]
    public void Keep_Argument_IsKeptUpTo256Octets(int length, int kept)
    {
        var text = new EnvelopeText();
        var first = Keep(text, "first");
        var argument = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var (start, keptLength) = text.Keep(argument);

        Assert.That(text.Kept(new() { ArgumentStart = start, ArgumentLength = keptLength }).ToArray(), Is.EqualTo(argument[..kept]));
        Assert.That(Kept(text, first), Is.EqualTo("first"));
    }

    [Test]
    public void Kept_ManyArguments_AreAllThere()
    {
        var text = new EnvelopeText();
        var kept = Enumerable.Range(0, 1000).Select(i => Keep(text, $"user{i}@example.test")).ToArray();

        Assert.That(kept.Select(command => Kept(text, command)), Is.EqualTo(Enumerable.Range(0, 1000).Select(i => $"user{i}@example.test")));
    }

    [Test]
    public void Forget_ClientThatAlwaysHasCommandsWaiting_KeepsNoMoreThanThose()
    {
        var text = new EnvelopeText();
        var waiting = new Queue<(PendingCommand Command, byte[] Argument)>();
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
                var (command, argument) = waiting.Dequeue();
                if (!text.Kept(command).SequenceEqual(argument))
                    Assert.Fail($"Argument {i} is not what was kept.");
                text.Forget(command);
                var start = GC.GetAllocatedBytesForCurrentThread();
                var next = new byte[random.Next(0, EnvelopeText.Longest + 1)];
                random.NextBytes(next);
                allocated += GC.GetAllocatedBytesForCurrentThread() - start;
                Add(next);
            }

            return allocated;
        }

        void Add(byte[]? argument = null)
        {
            argument ??= new byte[EnvelopeText.Longest];
            var (start, length) = text.Keep(argument);
            waiting.Enqueue((new() { ArgumentStart = start, ArgumentLength = length }, argument));
        }
    }

    [Test]
    public void Forget_CommandWithoutAnArgument_LeavesTheOthers()
    {
        var text = new EnvelopeText();
        var kept = Keep(text, "first");
        text.Forget(default);

        Assert.That(Kept(text, kept), Is.EqualTo("first"));
    }

    [Test]
    public void Kept_NoArgument_IsEmpty() => Assert.That(Kept(new EnvelopeText(), default), Is.Empty);

    [TestCase(256, 256)]
    [TestCase(257, 256)]
    [TestCase(12_000, 256)]
    public void SetHeloAndOpenTransaction_LongText_IsBounded(int length, int kept)
    {
        var text = new EnvelopeText();
        text.SetHelo(new byte[length], isEsmtp: true);
        text.OpenTransaction(new byte[length]);

        Assert.That((text.Helo.Length, text.Sender.Length), Is.EqualTo((kept, kept)));
    }

    [Test]
    public void SetHelo_ShorterThanBefore_IsOnlyTheNewName()
    {
        var text = new EnvelopeText();
        text.SetHelo("long.example.test"u8, isEsmtp: false);
        text.SetHelo("a.b"u8, isEsmtp: true);

        Assert.That((Encoding.ASCII.GetString(text.Helo), text.IsEsmtp), Is.EqualTo(("a.b", true)));
    }

    [Test]
    public void SetHelo_InATransaction_ClosesIt()
    {
        var text = new EnvelopeText();
        text.OpenTransaction("a@b"u8);
        text.AddRecipient("x@y"u8);
        text.SetHelo("x"u8, isEsmtp: true);

        Assert.That((text.HasSender, text.Recipients), Is.EqualTo((false, 0)));
    }

    [Test]
    public void SetHelo_HeloBehindEhlo_IsStillEsmtp()
    {
        var text = new EnvelopeText();
        text.SetHelo("a"u8, isEsmtp: true);
        text.SetHelo("b"u8, isEsmtp: false);

        Assert.That((Encoding.ASCII.GetString(text.Helo), text.IsEsmtp), Is.EqualTo(("b", true)));
    }

    [Test]
    public void FirstRecipient_OfTwo_IsTheFirstUntilTheTransactionIsOver()
    {
        var text = new EnvelopeText();
        text.OpenTransaction("a@b"u8);
        var before = text.FirstRecipient.Length;
        text.AddRecipient("first@y"u8);
        text.AddRecipient("second@y"u8);
        var first = Encoding.ASCII.GetString(text.FirstRecipient);
        text.CloseTransaction();

        Assert.That((before, first, text.FirstRecipient.Length), Is.EqualTo((0, "first@y", 0)));
    }

    [TestCase(true, true, "a@b", "x@y", "from=<a@b> to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(true, true, "", "x@y", "from=<> to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(true, false, "a@b", "", "from=<a@b> proto=SMTP helo=<h>")]
    [TestCase(false, true, "", "x@y", "to=<x@y> proto=ESMTP helo=<h>")]
    [TestCase(false, false, "", "", "proto=SMTP helo=<h>")]
    public void Describe_Known_IsPostfixsTail(bool hasSender, bool isEsmtp, string sender, string recipient, string expected)
    {
        var text = new EnvelopeText();
        text.SetHelo("h"u8, isEsmtp);

        Assert.That(text.Describe(Encoding.ASCII.GetBytes(sender), Encoding.ASCII.GetBytes(recipient), hasSender), Is.EqualTo(expected));
    }

    [Test]
    public void Describe_WithoutHelo_LeavesItOut() => Assert.That(new EnvelopeText().Describe("a@b"u8, default, hasSender: true), Is.EqualTo("from=<a@b> proto=SMTP"));

    [Test]
    public void Describe_ControlCharacters_StayOnOneLine()
    {
        var text = new EnvelopeText();
        text.SetHelo("h\r\nx"u8, isEsmtp: true);

        Assert.That(text.Describe("a\n"u8, "b\t"u8, hasSender: true), Does.Not.Match("[\\x00-\\x1f]"));
    }

    private static PendingCommand Keep(EnvelopeText text, string argument)
    {
        var (start, length) = text.Keep(Encoding.ASCII.GetBytes(argument));
        return new() { ArgumentStart = start, ArgumentLength = length };
    }

    private static string Kept(EnvelopeText text, PendingCommand command) => Encoding.ASCII.GetString(text.Kept(command));
}
