using SmtpShield.Observe;

namespace SmtpShield.Session;

/// <summary>
/// How the MTA is left behind a session: with QUIT, wherever it expects a command. A bare close makes Postfix log <c>lost connection</c> with the client's
/// address, or the shield's, which fail2ban counts. Inside content there is nothing to say: an end of the connection is what makes the MTA discard it.
/// </summary>
internal sealed class Parting(SmtpSession session, CommandGate gate)
{
    /// <summary>Leaves the MTA. Nobody waits for it.</summary>
    public void Leave()
    {
        var mta = session.Mta;
        if (mta.State is not MtaLegState.Ready || mta.HasSaidFarewell || mta.IsReceiveEnded || mta.IsBroken)
            return;

        // A client may always cancel an exchange (RFC 4954 section 4).
        if (session.Dialogue.Phase is DialoguePhase.SaslResponse && !mta.IsFlushing)
        {
            mta.Send(gate.PermitCancel(), "*"u8);
            mta.Flush();
        }

        if (!ExpectsCommand || mta is { IsFlushing: true } or { HasUnflushed: true })
            return;
        if (session.Ending.Reason is SessionEndReason.ClientLost && session.Dialogue.Owed == 0)
            mta.Release();
        else
            mta.Quit();
    }

    private bool ExpectsCommand => session.Ending.Reason is not (SessionEndReason.UpstreamLost or SessionEndReason.UpstreamTimeout
            or SessionEndReason.UpstreamMalformed)
        && (session.Dialogue.Phase is DialoguePhase.SaslResponse
            || session.Dialogue is { Phase: DialoguePhase.Commands, IsMtaOwing: false, AwaitsMessageReply: false });
}
