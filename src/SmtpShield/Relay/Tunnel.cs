namespace SmtpShield.Relay;

/// <summary>Both directions behind a relayed STARTTLS: octets as they come. The shield is blind here; only connection limits and the idle wait still work.</summary>
internal sealed class Tunnel(RelayState state)
{
    /// <summary>Moves what is there, both ways.</summary>
    /// <returns>Whether anything was moved, or a side ended.</returns>
    public bool Pump()
    {
        if (state.HasEnded || state.Phase is not RelayPhase.Tunnel)
            return false;

        var moved = Move(state.ClientSide, state.UpstreamSide) | Move(state.UpstreamSide, state.ClientSide);
        if (IsOver(state.UpstreamSide, state.ClientSide))
            state.End(RelayResult.UpstreamEnded);
        else if (IsOver(state.ClientSide, state.UpstreamSide))
            state.End(state.ClientSide.IsBroken ? RelayResult.ClientLost : RelayResult.ClientQuit);
        return moved;
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
