using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// One session, or its part behind STARTTLS: who takes part in it and where it stands. Each fact has one owner, named here; used by one thread
/// at a time, the session's loop.
/// </summary>
/// <param name="context">What outlives STARTTLS.</param>
/// <param name="client">The client's end.</param>
/// <param name="mta">The MTA's end.</param>
/// <param name="memory">What MTAs say to clients like this one.</param>
/// <param name="clock">The session's time.</param>
/// <param name="log">Where its log lines go.</param>
internal sealed class SmtpSession(SessionContext context, ClientLeg client, MtaLeg mta, MtaMemory memory, SessionClock clock, ILogger log)
{
    /// <summary>What outlives STARTTLS.</summary>
    public SessionContext Context => context;

    /// <summary>The client's end.</summary>
    public ClientLeg Client => client;

    /// <summary>The MTA's end.</summary>
    public MtaLeg Mta => mta;

    /// <summary>What MTAs say to clients like this one.</summary>
    public MtaMemory Memory => memory;

    /// <summary>The session's time.</summary>
    public SessionClock Clock => clock;

    /// <summary>Where its log lines go.</summary>
    public ILogger Log => log;

    /// <summary>Commands without a reply, and what comes next.</summary>
    public Dialogue Dialogue { get; } = new();

    /// <summary>What the MTA has been told and has accepted.</summary>
    public Transaction Transaction { get; } = Transaction.After(context.IsEsmtp);

    /// <summary>When it must be looked whether the client still needs the MTA.</summary>
    public IdleLook IdleLook { get; } = new();

    /// <summary>How it ended, if it has.</summary>
    public SessionEnding Ending { get; } = new();

    /// <summary>Who the client is.</summary>
    public ClientIdentity Identity => context.Client;

    /// <summary>The options the session started with.</summary>
    public SmtpdOptions Options => context.Options.Smtpd;

    /// <summary>The newest limits: they are tuned under attack, so running sessions obey them too.</summary>
    public SmtpdLimitOptions Limits => context.Limits;

    /// <summary>Counts the client's events; null when it is exempt.</summary>
    public ClientCounter? Counter => context.Counter;

    /// <summary>Where the service counts.</summary>
    public ServiceMetrics Metrics => context.Metrics;

    /// <summary>Errors and junk commands so far.</summary>
    public ref ErrorLimit Errors => ref context.Errors;

    /// <summary>Whether the client must use TLS before anything that matters (<c>smtpd_tls_security_level = encrypt</c>).</summary>
    public bool RequiresTls => context.Options.Tls.SecurityLevel == TlsSecurityLevel.Encrypt && context.Tls != TlsMode.Active;

    /// <summary>Whether AUTH is neither offered nor taken now (<c>smtpd_tls_auth_only</c>, which TLS that is required implies).</summary>
    public bool HidesAuth => RequiresTls || (context.Options.Tls.AuthOnly && context.Tls != TlsMode.Active);

    /// <summary>Nothing of the client's depends on the session with the MTA: it owes nothing, no recipient was accepted, nobody has authenticated.</summary>
    public bool IsMtaDispensable => mta is { State: MtaLegState.Ready, HoldsCommand: false, Profile.DeniesAccess: false }
        && !HasEnded && Dialogue is { Phase: DialoguePhase.Commands, IsMtaOwing: false, AwaitsMessageReply: false }
        && Transaction is { Recipients: 0, HasContent: false } && !context.IsAuthenticated;

    /// <summary>The session with the MTA can be given back, and the client will not notice: it is known what to say in the MTA's place.</summary>
    public bool MayGiveBack => IsMtaDispensable && mta.Profile.Offer is not null
        && mta is { HasTalked: false, HasUnflushed: false, IsFlushing: false, HasSaidFarewell: false, IsReceiveEnded: false, IsBroken: false };

    /// <summary>The client leaves behind a message, and the session with the MTA may go on with another one.</summary>
    public bool MayLeaveToOthers => mta.Career is { MayGoOn: true } && Dialogue.Owed == 0 && MayGiveBack;

    /// <summary>The session is over; at most the last reply is still to be sent.</summary>
    public bool HasEnded => Ending.IsSet;

    /// <summary>A mail transaction, or a command without a reply: shutdown waits for it.</summary>
    public bool IsBusy => Dialogue.Owed > 0 || Transaction.HasSender || Dialogue.Phase is not DialoguePhase.Commands;

    /// <summary>Whether another line about what the client does may be logged.</summary>
    public bool MayLog() => context.Connection.MayLog();

    /// <summary>Whether <c>smtpd_discard_ehlo_keywords</c> has a keyword.</summary>
    public bool Discards(string keyword)
    {
        foreach (var word in Options.DiscardEhloKeywords)
        {
            if (word.Equals(keyword, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    /// <summary>Notes input that is dropped because it is refused: read for the sake of the reply, but not without end. Logs when it was too much.</summary>
    /// <returns>Whether the session may go on.</returns>
    public bool MayDrop(long octets)
    {
        if (context.Drop(octets))
            return true;

        RelayLog.RefusedInputExceeded(log, Identity.NameAddress, ProtocolLimits.RefusedContent);
        return false;
    }

    /// <summary>Behind what the session is, as in <c>lost connection after RCPT</c> or <c>timeout after DATA (21 bytes)</c>.</summary>
    public string DescribeAfter() => Dialogue.Phase switch
    {
        DialoguePhase.Content or DialoguePhase.RefusedContent => $"DATA ({Transaction.CompleteLines} bytes)",
        _ when Dialogue.Phase is DialoguePhase.Chunk || Dialogue.IsAfterChunk => $"BDAT ({Transaction.ContentLength + client.Buffered} bytes)",
        _ => Dialogue.After,
    };

    /// <summary>How the session ends when its client is gone: behind QUIT as it should.</summary>
    public SessionEndReason Leaving => Dialogue.After == Verb.Quit.Name() ? SessionEndReason.ClientQuit : client.Departure;

    /// <summary>A reply of the shield's own as this client expects it.</summary>
    public Reply Adapt(Reply reply) => mta.Profile.OmitsEnhancedCodes ? reply.WithoutEnhancedCode() : reply;

    /// <summary>A dial is over: logs what has failed, and ends the session if there is no MTA.</summary>
    public void NoteDial(in UpstreamDialResult dial)
    {
        LogFailures(dial);
        if (dial.Connection is null)
            End(SessionEndReason.NoUpstream,
                dial.IsBusy ? Replies.UpstreamBusy(Options.MyHostname) : Replies.UpstreamUnavailable(Options.MyHostname));
    }

    /// <summary>Logs which MTAs could not be reached.</summary>
    public void LogFailures(in UpstreamDialResult dial)
    {
        if (dial.Failures.Count > 0)
            RelayLog.DialFailed(log, string.Join("; ", dial.Failures), Identity.NameAddress);
    }

    /// <summary>Ends the session, once: the first reason counts.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="reply">What the client is told, if anything. Behind STARTTLS nothing in clear may reach it any more.</param>
    public void End(SessionEndReason reason, Reply? reply = null) =>
        Ending.Set(reason, Dialogue.Phase is DialoguePhase.Tunnel || reply is null ? null : Adapt(reply));
}
