using System.Net;

namespace SmtpShield.Listening;

/// <summary>Whether the loop that accepts clients at one end point goes on: it waits for a client, or for room, or has got one just now.</summary>
/// <param name="endpoint">Where.</param>
/// <param name="time">The clock.</param>
/// <param name="all">All there are; null: it is alone, and never held.</param>
internal sealed class AcceptLoop(EndPoint endpoint, TimeProvider time, AcceptLoops? all = null)
{
    private long _since = time.GetTimestamp();
    private bool _isWaiting;
    private bool _hasEnded;

    /// <summary>Where.</summary>
    public EndPoint EndPoint => endpoint;

    /// <summary>How long nobody has waited for a client there; zero while somebody does.</summary>
    public TimeSpan IdleFor => Volatile.Read(ref _isWaiting) ? TimeSpan.Zero : time.GetElapsedTime(Volatile.Read(ref _since));

    /// <summary>Completes when it may wait for a client; is complete unless all are held.</summary>
    public Task WhenLetThrough => all?.WhenLetThrough ?? Task.CompletedTask;

    /// <summary>Whether it accepts no more.</summary>
    public bool HasEnded => Volatile.Read(ref _hasEnded);

    /// <summary>It begins to wait.</summary>
    public void NoteEntered() => Volatile.Write(ref _isWaiting, true);

    /// <summary>It has got a client, or what it waits at has failed.</summary>
    public void NoteLeft()
    {
        Volatile.Write(ref _since, time.GetTimestamp());
        Volatile.Write(ref _isWaiting, false);
    }

    /// <summary>It accepts no more.</summary>
    public void NoteEnded()
    {
        Volatile.Write(ref _hasEnded, true);
        all?.NoteEnded();
    }
}
