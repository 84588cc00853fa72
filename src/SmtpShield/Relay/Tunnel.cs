namespace SmtpShield.Relay;

/// <summary>
/// Both directions behind a relayed STARTTLS: octets as they come. The shield is blind here: what still works is the connection's limits, the wait for the client to begin
/// its handshake, the idle wait and <c>shield_tls_passthrough_size_limit</c>.
/// </summary>
internal sealed class Tunnel(RelayState state)
{
    private long _fromClient;

    /// <summary>The client has begun its handshake.</summary>
    public bool HasBegun => _fromClient > 0;

    /// <summary>Moves what is there, both ways.</summary>
    /// <returns>Whether anything was moved, or a side ended.</returns>
    public bool Pump()
    {
        if (state.HasEnded || state.Phase is not RelayPhase.Tunnel)
            return false;

        var moved = MoveFromClient() | Move(state.UpstreamSide, state.ClientSide);
        if (state.HasEnded)
            return true;
        if (IsOver(state.UpstreamSide, state.ClientSide))
            state.End(RelayResult.UpstreamEnded);
        else if (IsOver(state.ClientSide, state.UpstreamSide))
            state.End(state.ClientSide.IsBroken ? RelayResult.ClientLost : RelayResult.ClientQuit);
        return moved;
    }

    private bool MoveFromClient()
    {
        var octets = state.ClientSide.Received.Length;
        if (state.Session.Options.Tls.PassthroughSizeLimit is > 0 and var limit && _fromClient + octets > limit)
        {
            // What goes beyond is not sent any more, so that a message which is too large is not completed.
            RelayLog.PassthroughSizeExceeded(state.Log, state.Client.NameAddress, limit);
            state.End(RelayResult.ClientDisconnected);
            return true;
        }

        if (!Move(state.ClientSide, state.UpstreamSide))
            return false;

        _fromClient += octets;
        return true;
    }

    private static bool Move(RelaySide from, RelaySide to)
    {
        if (from.Received.IsEmpty || to.IsFlushing)
            return false;

        to.Write(from.Received);
        from.Take(from.Received.End);
        return true;
    }

    // What was moved is still flushed, both ways, before the session is closed.
    private static bool IsOver(RelaySide from, RelaySide to) => to.IsBroken || (from.IsReceiveEnded && from.Received.IsEmpty);
}
