using SmtpShield.Admission;

namespace SmtpShield.Session;

/// <summary>
/// What others know of a session: how it stands, written by its loop, and whether it is asked to end, which its loop decides. So
/// nobody else touches a session's state, and what is read here may be a step old. It lasts through STARTTLS.
/// </summary>
/// <param name="sessions">Where it is one of many.</param>
/// <param name="number">Which one.</param>
/// <param name="connection">The client's connection.</param>
internal sealed class OpenSession(OpenSessions sessions, long number, ClientConnection connection) : IDisposable
{
    private readonly Lock _gate = new();
    private SessionStanding _standing = new() { After = Dialogue.AfterConnect, Destination = "" };
    private Action? _wake;
    private volatile SessionRequest _request;

    /// <summary>Whether it is to end as soon as it may, and what for.</summary>
    public SessionRequest Request => _request;

    /// <summary>How it stands.</summary>
    public SessionView View()
    {
        lock (_gate)
            return new(number, connection.Options.Service, connection.Client, connection.Tls is not null, _standing);
    }

    /// <summary>Says how it stands.</summary>
    public void Note(in SessionStanding standing)
    {
        if (standing.State != _standing.State)
            connection.Metrics.MoveSession(_standing.State, standing.State);
        lock (_gate)
            _standing = standing;
    }

    /// <summary>A loop takes the session over.</summary>
    /// <param name="wake">Makes it look.</param>
    public void Attach(Action wake) => Volatile.Write(ref _wake, wake);

    /// <summary>Asks it to end, on another thread than this.</summary>
    /// <param name="request">What for.</param>
    public void Ask(SessionRequest request)
    {
        _request = request;
        if (Volatile.Read(ref _wake) is { } wake)
            ThreadPool.UnsafeQueueUserWorkItem(static wake => wake(), wake, preferLocal: false);
    }

    /// <summary>It may not end now. Others go in its place.</summary>
    public void Decline() => _request = SessionRequest.None;

    /// <inheritdoc />
    public void Dispose()
    {
        if (sessions.Remove(this))
            connection.Metrics.LeaveSession(_standing.State);
    }
}
