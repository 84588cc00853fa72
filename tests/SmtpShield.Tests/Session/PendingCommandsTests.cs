using FsCheck;
using FsCheck.Fluent;
using SmtpShield.Protocol;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

public class PendingCommandsTests
{
    [Test]
    public void AddAndRemove_InAnyOrder_IsAQueue() => Prop.ForAll(Gen.ListOf(Gen.Elements(true, true, true, false, false)).ToArbitrary(), adds =>
    {
        var pending = new PendingCommands();
        var expected = new Queue<int>();
        var number = 0;
        foreach (var isAdded in adds)
        {
            if (isAdded)
            {
                pending.Add(new() { Kept = new(++number, 1, 0, 1), EndsGroup = number % 3 == 0 });
                expected.Enqueue(number);
            }
            else if (expected.Count > 0)
            {
                pending.RemoveHead();
                expected.Dequeue();
            }

            if (pending.Count != expected.Count || (expected.Count > 0 && (pending.Head.Kept.Start != expected.Peek() || pending.Last.Kept.Start != number)))
                return false;
            if (pending.IsGroupEnded != (expected.Count > 0 && number % 3 == 0))
                return false;
        }

        while (expected.Count > 0)
        {
            if (pending.Head.Kept.Start != expected.Dequeue())
                return false;
            pending.RemoveHead();
        }

        return pending.Count == 0;
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(300));

    [Test]
    public void Counts_AnyCommandsAddedAndAnswered_AreThoseOfTheQueue()
    {
        var steps = from verb in Gen.Elements(Verb.Mail, Verb.Rcpt, Verb.Rset, Verb.Data)
                    from isForwarded in Gen.Elements(true, true, false)
                    from isAdded in Gen.Elements(true, true, true, false)
                    select (verb, isForwarded, isAdded);
        Prop.ForAll(Gen.ListOf(steps).ToArbitrary(), all =>
        {
            var pending = new PendingCommands();
            var expected = new Queue<PendingCommand>();
            foreach (var (verb, isForwarded, isAdded) in all)
            {
                if (isAdded)
                {
                    pending.Add(Command(verb, isForwarded));
                    expected.Enqueue(Command(verb, isForwarded));
                }
                else if (expected.Count > 0)
                {
                    pending.RemoveHead();
                    expected.Dequeue();
                }

                var owed = expected.Where(static command => command.IsForwarded).Select(static command => command.Verb).ToList();
                if (pending.Recipients != owed.Count(static owing => owing == Verb.Rcpt)
                    || pending.HasTransactionChange != owed.Any(static owing => owing is Verb.Mail or Verb.Rset))
                {
                    return false;
                }
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(200));
    }

    [Test]
    public void Head_Changed_KeepsTheChange()
    {
        var pending = new PendingCommands();
        pending.Add(Command(Verb.Rcpt, isForwarded: true));

        pending.Head.AnswerHere();

        Assert.That((pending.Head.Verb, pending.Head.IsForwarded), Is.EqualTo((Verb.Rcpt, false)));
    }

    [Test]
    public void RemoveHead_Reply_IsNotKeptAlive()
    {
        var pending = new PendingCommands();
        pending.Add(default(PendingCommand).AnsweredWith(Replies.Bye));
        ref var slot = ref pending.Head;

        pending.RemoveHead();

        Assert.That(slot.OwnReply, Is.Null);
    }

    [Test]
    public void AddAndRemove_OneAtATime_AllocateNothing()
    {
        var pending = new PendingCommands();
        Cycle(10);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Cycle(1000);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Cycle(int count)
        {
            for (var i = 0; i < count; i++)
            {
                pending.Add(new() { Verb = Verb.Noop });
                pending.RemoveHead();
            }
        }
    }

    private static PendingCommand Command(Verb verb, bool isForwarded) => isForwarded ? new PendingCommand { Verb = verb }.WithMta() : new() { Verb = verb };
}
