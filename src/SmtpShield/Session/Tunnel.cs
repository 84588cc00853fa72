using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>
/// Both directions behind a relayed STARTTLS: octets as they come. The shield is blind here: what still works is the connection's limits,
/// the wait for the client to begin its handshake, the idle wait and <c>shield_tls_passthrough_size_limit</c>.
/// </summary>
internal sealed class Tunnel(SmtpSession session, CommandGate gate)
{
    /// <summary>Moves what is there, both ways.</summary>
    /// <returns>Whether anything was moved, or a side ended.</returns>
    public bool Pump()
    {
        if (session.HasEnded || session.Dialogue.Phase is not DialoguePhase.Tunnel)
            return false;

        var moved = MoveFromClient() | MoveFromMta();
        if (session.HasEnded)
            return true;
        if (IsOver(session.Mta, session.Client))
            session.End(SessionEndReason.UpstreamEnded);
        else if (IsOver(session.Client, session.Mta))
            session.End(session.Client.IsBroken ? SessionEndReason.ClientLost : SessionEndReason.ClientQuit);
        return moved;
    }

    private bool MoveFromClient()
    {
        var client = session.Client;
        var octets = client.Received.Length;
        if (session.Context.Options.Tls.PassthroughSizeLimit is > 0 and var limit && client.Tunnelled + octets > limit)
        {
            // What goes beyond is not sent any more, so that a message which is too large is not completed.
            RelayLog.PassthroughSizeExceeded(session.Log, session.Identity.NameAddress, limit);
            session.End(SessionEndReason.ClientDisconnected);
            return true;
        }

        if (octets == 0 || session.Mta.IsFlushing)
            return false;

        session.Mta.SendOctets(gate.PermitContent(), client.Received);
        client.Take(client.Received.End);
        client.NoteTunnelled(octets);
        return true;
    }

    private bool MoveFromMta()
    {
        var mta = session.Mta;
        if (mta.Received.IsEmpty || session.Client.IsFlushing)
            return false;

        session.Client.Write(mta.Received);
        mta.Take(mta.Received.End);
        return true;
    }

    // What was moved is still flushed, both ways, before the session is closed.
    private static bool IsOver(Leg from, Leg to) => to.IsBroken || (from.IsReceiveEnded && from.Received.IsEmpty);
}
