using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Listening;

namespace SmtpShield.Tests.Listening;

public class ServedConnectionsTests
{
    private FakeLogger<ServedConnections> _log = null!;
    private ServedConnections _connections = null!;

    [SetUp]
    public void Make()
    {
        _log = new();
        _connections = new(_log);
    }

    [Test, CancelAfter(30_000)]
    public async Task Execute_ThePipelineHasEnded_IsDisposed(CancellationToken cancellationToken)
    {
        var connection = new InMemoryConnection();
        var pipeline = new TaskCompletionSource();
        _connections.Add(connection, _ => pipeline.Task).Execute();
        var before = connection.IsDisposed;
        pipeline.SetResult();
        await connection.WhenDisposed.WaitAsync(cancellationToken);

        Assert.That((before, _log.Collector.Count), Is.EqualTo((false, 0)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Execute_ThePipelineThrows_IsLoggedAndDisposed(bool atOnce)
    {
        var connection = new InMemoryConnection();
        _connections.Add(connection, _ => atOnce ? throw new InvalidOperationException("a bug") : Task.FromException(new InvalidOperationException("a bug")))
            .Execute();

        Assert.That((connection.IsDisposed, _log.LatestRecord.Exception?.Message), Is.EqualTo((true, "a bug")));
    }

    [Test]
    public void Execute_DisposingThrows_IsLogged()
    {
        _connections.Add(new InMemoryConnection { ThrowsOnDispose = true }, static _ => Task.CompletedTask).Execute();

        Assert.That(_log.LatestRecord.Exception?.Message, Is.EqualTo("dispose"));
    }

    [Test]
    public void Abort_OneServedAndOneNoMore_OnlyTheFirstIsCutOff()
    {
        var served = new InMemoryConnection();
        var gone = new InMemoryConnection();
        _connections.Add(served, static _ => new TaskCompletionSource().Task).Execute();
        _connections.Add(gone, static _ => Task.CompletedTask).Execute();

        _connections.Abort();

        Assert.That((served.IsAborted, gone.IsAborted), Is.EqualTo((true, false)));
    }
}
