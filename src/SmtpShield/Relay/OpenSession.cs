using SmtpShield.Clients;

namespace SmtpShield.Relay;

/// <summary>
/// What others know of a session: how it stands, written by its loop, and whether it is asked to end, which its loop decides. So nobody else touches a session's state, and what is read here
/// may be a step old.
/// </summary>
/// <param name="sessions">Where it is one of many.</param>
/// <param name="client">Whose it is.</param>
/// <param name="wake">Makes its loop look.</param>
internal sealed class OpenSession(OpenSessions sessions, ClientRange client, Action wake) : IDisposable
{
    private bool _isAsked;

    /// <summary>Whose it is.</summary>
    public ClientRange Client => client;

    /// <summary>Whether it can be ended.</summary>
    public SheddingRank Rank { get; private set; }

    /// <summary>Octets received that it holds.</summary>
    public long Held { get; private set; }

    /// <summary>When it last got on; a timestamp.</summary>
    public long Progress { get; private set; }

    /// <summary>Whether it is to end as soon as it may.</summary>
    public bool IsAsked => Volatile.Read(ref _isAsked);

    /// <summary>Says how it stands.</summary>
    public void Note(SheddingRank rank, long held, long progress) => (Rank, Held, Progress) = (rank, held, progress);

    /// <summary>Asks it to end, on another thread than this.</summary>
    public void Ask()
    {
        Volatile.Write(ref _isAsked, true);
        ThreadPool.UnsafeQueueUserWorkItem(static wake => wake(), wake, preferLocal: false);
    }

    /// <summary>It may not end now. Others go in its place.</summary>
    public void Decline() => Volatile.Write(ref _isAsked, false);

    /// <inheritdoc />
    public void Dispose() => sessions.Remove(this);
}
