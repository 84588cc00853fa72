namespace SmtpShield.Transport;

/// <summary>
/// Looks at the socket beneath a pipe. What a read or a flush that is under way waits for may be there already and its completion still on its way: as when the
/// process stood still, and its timers are served first.
/// </summary>
internal interface ISocketLook
{
    /// <summary>For a reader: octets, the peer's end or a failure have arrived. For a writer: there is room. Never waits.</summary>
    bool IsReady { get; }
}
