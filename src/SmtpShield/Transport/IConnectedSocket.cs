namespace SmtpShield.Transport;

/// <summary>The socket beneath a connection, as a feature of it: what its pipes do not show.</summary>
internal interface IConnectedSocket
{
    /// <summary>Whether the kernel has octets of the peer's that were not taken yet. Never waits; false when the connection is gone.</summary>
    bool HasInput { get; }

    /// <summary>
    /// Runs what serves the connection, once, soon and not on this thread's stack, where what waits for it is run later: on the thread that tells of the
    /// socket, if there is one. Also when the connection is gone.
    /// </summary>
    void Start(IThreadPoolWorkItem serve);

    /// <summary>
    /// Sends FIN behind what was flushed. Nothing can be sent any more, and a flush that waits for the peer is over; a reset of the peer's is its end for a
    /// read. Does nothing when the connection is gone.
    /// </summary>
    void EndSending();

    /// <summary>Resets the connection (RST), now: the peer gets nothing that it has not got yet. Does nothing when it is gone.</summary>
    void Reset();
}
