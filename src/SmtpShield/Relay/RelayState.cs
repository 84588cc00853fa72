using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>What both directions of one session know. Used by one thread at a time: the session's loop.</summary>
/// <param name="session">What outlives STARTTLS.</param>
/// <param name="clientSide">The client's end.</param>
/// <param name="upstreamSide">The MTA's end.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where the session's log lines go.</param>
internal sealed class RelayState(SessionContext session, RelaySide clientSide, RelaySide upstreamSide, TimeProvider time, ILogger log)
{
    // Without smtpd_per_request_deadline a client may be this slow, whatever smtpd_timeout is (RFC 5321 section 4.5.3.2.5: three minutes for a block of content).
    private static readonly TimeSpan ShortestContentBudget = TimeSpan.FromSeconds(180);

    /// <summary>Behind which command log lines say the session ended, before any command.</summary>
    public const string AfterConnect = "CONNECT";

    /// <summary>The same, behind a message.</summary>
    public const string AfterMessage = "END-OF-MESSAGE";

    /// <summary>The same, behind the handshake.</summary>
    public const string AfterStartTls = "STARTTLS";

    /// <summary>How long the client may take for the content it sends.</summary>
    public ContentBudget ContentBudget;

    /// <summary>What outlives STARTTLS.</summary>
    public SessionContext Session => session;

    /// <summary>Errors and junk commands so far.</summary>
    public ref ErrorLimit Errors => ref session.Errors;

    /// <summary>What the session may still log of its client's doings.</summary>
    public ref LogBudget LogBudget => ref session.LogBudget;

    /// <summary>Who the client is.</summary>
    public ClientIdentity Client => session.Client;

    /// <summary>The client's end.</summary>
    public RelaySide ClientSide => clientSide;

    /// <summary>The MTA's end.</summary>
    public RelaySide UpstreamSide => upstreamSide;

    /// <summary>The options the session started with.</summary>
    public SmtpdOptions Options => session.Options.Smtpd;

    /// <summary>The newest limits: they are tuned under attack, so running sessions obey them too.</summary>
    public SmtpdLimitOptions Limits => session.Limits;

    /// <summary>Counts the client's events; null when it is exempt.</summary>
    public ClientCounter? Counter => session.Counter;

    /// <summary>Where the session's log lines go.</summary>
    public ILogger Log => log;

    /// <summary>Commands without a reply yet.</summary>
    public PendingCommands Pending { get; } = new();

    /// <summary>Names and addresses for log lines.</summary>
    public EnvelopeText Envelope { get; } = new() { IsEsmtp = session.IsEsmtp };

    /// <summary>Commands counted for the disconnect line.</summary>
    public CommandStatistics Statistics => session.Statistics;

    /// <summary>Whether the client must use TLS before anything that matters (<c>smtpd_tls_security_level = encrypt</c>).</summary>
    public bool RequiresTls => session.Options.Tls.SecurityLevel == TlsSecurityLevel.Encrypt && session.Tls != TlsMode.Active;

    /// <summary>Whether AUTH is neither offered nor taken now (<c>smtpd_tls_auth_only</c>, which TLS that is required implies).</summary>
    public bool HidesAuth => RequiresTls || (session.Options.Tls.AuthOnly && session.Tls != TlsMode.Active);

    /// <summary>The MTA has offered CHUNKING: it knows that octets follow a BDAT command.</summary>
    public bool OffersChunking { get; set; }

    /// <summary>The MTA does not offer ENHANCEDSTATUSCODES: the shield's own replies have none either.</summary>
    public bool OmitsEnhancedCodes { get; set; }

    /// <summary>The MTA's greeting refused the session: only QUIT may follow (RFC 5321 section 3.1).</summary>
    public bool IsAccessDenied { get; set; }

    /// <summary>What the client's next bytes are.</summary>
    public RelayPhase Phase { get; set; }

    /// <summary>The last recognized command, in the words of Postfix's <c>lost connection after …</c>.</summary>
    public string After
    {
        get;
        set => (field, IsAfterChunk) = (value, false);
    }
    = AfterConnect;

    /// <summary>The last command was a BDAT that the MTA has accepted: log lines say how much of the message has come.</summary>
    public bool IsAfterChunk { get; set; }

    /// <summary>Octets of the current message received so far.</summary>
    public long ContentLength { get; set; }

    /// <summary>Octets of the lines of the current message behind DATA that are complete, for log lines.</summary>
    public long CompleteLines { get; set; }

    /// <summary>Octets of the current BDAT chunk that are still to come.</summary>
    public long ChunkRemaining { get; set; }

    /// <summary>BDAT commands of the current message.</summary>
    public int Chunks { get; set; }

    /// <summary>The reply to a refused BDAT, given when its chunk has been read and dropped; null while chunks go to the MTA.</summary>
    public Reply? ChunkRefusal { get; set; }

    /// <summary>When the client last sent something or got a reply; a timestamp.</summary>
    public long ClientActivity { get; set; }

    /// <summary>When the client's turn to send its next command began; a timestamp.</summary>
    public long RequestStart { get; set; }

    /// <summary>When the command line that is not complete yet began; a timestamp, 0 when there is none.</summary>
    public long LineStart { get; set; }

    /// <summary>When the MTA last sent something or got something to answer; a timestamp.</summary>
    public long UpstreamActivity { get; set; }

    /// <summary>The loop's time, read once a step; a timestamp.</summary>
    public long Now { get; set; }

    /// <summary>The end of mail data (or the last chunk) is with the MTA and not answered: only the MTA may say anything now (RFC 1047).</summary>
    public bool AwaitsMessageReply { get; set; }

    /// <summary>The end of mail data (or the last octets of the last chunk) is written and not yet on its way: a reply that is there now was given before the message was whole.</summary>
    public bool HoldsMessageEnd { get; set; }

    /// <summary>How the session ended; <see cref="RelayResult.None"/> while it runs.</summary>
    public RelayResult Result { get; private set; }

    /// <summary>The last reply, still to be sent.</summary>
    public Reply? FinalReply { get; set; }

    /// <summary>The session is over; at most the last reply is still to be sent.</summary>
    public bool HasEnded => Result != RelayResult.None;

    /// <summary>A mail transaction, or a command without a reply: shutdown waits for it.</summary>
    public bool InTransaction => Pending.Count > 0 || Envelope.HasSender || Phase is not RelayPhase.Commands;

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

    /// <summary>A timestamp some time behind another one.</summary>
    public long Later(long timestamp, TimeSpan wait) => timestamp + (long)(wait.TotalSeconds * time.TimestampFrequency);

    /// <summary>Content begins: its time is limited from here on, and grows with what comes at <c>smtpd_min_data_rate</c>.</summary>
    public void StartContentBudget()
    {
        var most = Options.PerRequestDeadline || Options.Timeout > ShortestContentBudget ? Options.Timeout : ShortestContentBudget;
        ContentBudget.Start(Now, Later(0, most), (double)time.TimestampFrequency / Options.MinDataRate);
    }

    /// <summary>Notes input that is dropped because it is refused: read for the sake of the reply, but not without end. Logs when it was too much.</summary>
    /// <returns>Whether the session may go on.</returns>
    public bool MayDrop(long octets)
    {
        session.RefusedInput += octets;
        if (session.RefusedInput <= ProtocolLimits.RefusedContent)
            return true;

        RelayLog.RefusedInputExceeded(log, Client.NameAddress, ProtocolLimits.RefusedContent);
        return false;
    }

    /// <summary>A reply of the shield's own as this client expects it.</summary>
    public Reply Adapt(Reply reply) => OmitsEnhancedCodes ? reply.WithoutEnhancedCode() : reply;

    /// <summary>Ends the session, once: the first reason counts.</summary>
    /// <param name="result">How.</param>
    /// <param name="finalReply">What the client is told, if anything.</param>
    public void End(RelayResult result, Reply? finalReply = null)
    {
        if (HasEnded)
            return;

        Result = result;

        // Behind STARTTLS nothing in clear may reach the client any more.
        FinalReply = Phase is RelayPhase.Tunnel || finalReply is null ? null : Adapt(finalReply);
    }
}
