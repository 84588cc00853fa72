using SmtpShield.Hosting;

namespace SmtpShield.Tests.Hunter;

/// <summary>
/// Knows when the sessions have heard of a drain: they are told on a thread of the pool. Whoever registers first is told last, so
/// this is made before the session.
/// </summary>
internal sealed class DrainWatch : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly ManualResetEventSlim _isTold = new();
    private readonly ManualResetEventSlim _isToldOfDeadline = new();
    private readonly ConnectionDrain _drain;

    public DrainWatch(ConnectionDrain drain)
    {
        _drain = drain;
        drain.Draining.Register(_isTold.Set);
        drain.Deadline.Register(_isToldOfDeadline.Set);
    }

    /// <summary>Waits until all have reacted to what has happened.</summary>
    public void WaitForReactions()
    {
        if (_drain.Draining.IsCancellationRequested && !_isTold.Wait(s_patience))
            throw new TimeoutException("the drain is not told");
        if (_drain.Deadline.IsCancellationRequested && !_isToldOfDeadline.Wait(s_patience))
            throw new TimeoutException("the drain's deadline is not told");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isTold.Dispose();
        _isToldOfDeadline.Dispose();
    }
}
