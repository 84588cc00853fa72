using System.Threading.Tasks.Sources;
using SmtpShield.Transport;

namespace SmtpShield.Tests.Transport;

public class CompletionTests
{
    private static readonly Action<object?> Note = static state => ((List<string>)state!).Add("run");

    [Test]
    public void Complete_PolledAndReusedBeforeTheContinuationRan_RunsTheOldOneAndKeepsTheNew()
    {
        List<string> first = [];
        List<string> second = [];
        var completion = default(Completion<int>);
        completion.TryKeep(Note, first, completion.Version);
        var continuation = completion.Complete(1);

        // Another thread looks, takes the result, and uses it again, all before the first has run the continuation.
        Assert.That(completion.GetStatus(completion.Version), Is.EqualTo(ValueTaskSourceStatus.Succeeded));
        Assert.That(completion.TakeResult(completion.Version, out _), Is.EqualTo(1));
        completion.TryKeep(Note, second, completion.Version);
        continuation.Run();

        Assert.That((first.Count, second.Count, completion.GetStatus(completion.Version)), Is.EqualTo((1, 0, ValueTaskSourceStatus.Pending)));
    }

    [Test]
    public void Complete_NobodyWaits_RunsNothing()
    {
        var completion = default(Completion<int>);

        Assert.That(() => completion.Complete(1).Run(), Throws.Nothing);
    }

    [Test]
    public void TryKeep_CompleteAlready_LeavesItToTheCaller()
    {
        var completion = default(Completion<int>);
        completion.Complete(1).Run();

        Assert.That(completion.TryKeep(Note, null, completion.Version), Is.False);
    }

    [Test]
    public void TakeResult_Twice_IsRefused()
    {
        var completion = default(Completion<int>);
        var token = completion.Version;
        completion.Complete(1).Run();
        completion.TakeResult(token, out _);

        Assert.That(() => completion.TakeResult(token, out _), Throws.InvalidOperationException);
    }

    [Test]
    public void TakeResult_Pending_IsRefused()
    {
        var completion = default(Completion<int>);

        Assert.That(() => completion.TakeResult(completion.Version, out _), Throws.InvalidOperationException);
    }

    [Test]
    public void TakeResult_Failed_HandsOutTheError()
    {
        var completion = default(Completion<int>);
        completion.Complete(0, new IOException()).Run();
        completion.TakeResult(completion.Version, out var error);

        Assert.That(error, Is.TypeOf<IOException>());
    }
}
