using System.Net;

namespace SmtpShield.Listening;

/// <summary>
/// The loops that accept clients, one for each end point. They can be held for a while, in which clients wait in the kernel's listen queues: what a loop waited
/// for before it was held it still takes.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class AcceptLoops(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<AcceptLoop> _loops = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _held;

    /// <summary>Completes when none of them accepts any more: each has said so, and given away what it had accepted.</summary>
    public Task WhenEnded => _ended.Task;

    /// <summary>Completes when they may accept; is complete unless they are held.</summary>
    public Task WhenLetThrough => Volatile.Read(ref _held)?.Task ?? Task.CompletedTask;

    /// <summary>Adds one, which has not begun.</summary>
    public AcceptLoop Add(EndPoint endpoint)
    {
        var loop = new AcceptLoop(endpoint, time, this);
        lock (_gate)
            _loops.Add(loop);
        return loop;
    }

    /// <summary>None begins to wait for a client until <see cref="LetThrough"/>.</summary>
    public void Hold()
    {
        lock (_gate)
            _held ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>They accept.</summary>
    public void LetThrough()
    {
        lock (_gate)
        {
            _held?.SetResult();
            Volatile.Write(ref _held, null);
        }
    }

    /// <summary>Those where nobody has waited for a client for longer than a span.</summary>
    public IReadOnlyList<AcceptLoop> IdleFor(TimeSpan span)
    {
        lock (_gate)
            return _loops.FindAll(loop => loop.IdleFor > span);
    }

    /// <summary>One of them has ended.</summary>
    internal void NoteEnded()
    {
        lock (_gate)
        {
            if (_loops.TrueForAll(static loop => loop.HasEnded))
                _ended.TrySetResult();
        }
    }
}
