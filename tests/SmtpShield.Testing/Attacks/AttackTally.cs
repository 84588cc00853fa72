namespace SmtpShield.Testing.Attacks;

/// <summary>What an attack has done so far; without it nobody knows whether a server that served everybody was attacked at all.</summary>
public sealed class AttackTally
{
    private long _connected;
    private long _failed;
    private long _greeted;
    private long _refused;
    private long _replies;
    private long _rejected;
    private long _handshakes;

    /// <summary>Connections established.</summary>
    public long Connected => Interlocked.Read(ref _connected);

    /// <summary>Attempts to connect that failed.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Connections greeted with 220.</summary>
    public long Greeted => Interlocked.Read(ref _greeted);

    /// <summary>Connections greeted with another code, or closed without a greeting.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Replies to commands.</summary>
    public long Replies => Interlocked.Read(ref _replies);

    /// <summary>Replies to commands with 4xx or 5xx.</summary>
    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>TLS handshakes that the server has answered.</summary>
    public long Handshakes => Interlocked.Read(ref _handshakes);

    /// <summary>Counts a connection.</summary>
    public void Connect(bool established) => Interlocked.Increment(ref established ? ref _connected : ref _failed);

    /// <summary>Counts a greeting.</summary>
    /// <param name="code">Its code; 0 for the end of the connection.</param>
    public void Greet(int code) => Interlocked.Increment(ref code == 220 ? ref _greeted : ref _refused);

    /// <summary>Counts a reply to a command.</summary>
    /// <param name="code">Its code; 0, the end of the connection, is none.</param>
    public void Reply(int code)
    {
        if (code != 0)
            Interlocked.Increment(ref _replies);
        if (code >= 400)
            Interlocked.Increment(ref _rejected);
    }

    /// <summary>Counts a handshake.</summary>
    public void Handshake() => Interlocked.Increment(ref _handshakes);
}
