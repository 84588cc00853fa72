using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>What both directions of one session know. Used by one thread at a time: the session's loop.</summary>
internal sealed class RelayState(ClientIdentity client, RelaySide clientSide, RelaySide upstreamSide, ShieldSnapshot snapshot, ILogger log)
{
    /// <summary>Behind which command log lines say the session ended, before any command.</summary>
    public const string AfterConnect = "CONNECT";

    /// <summary>The same, behind a message.</summary>
    public const string AfterMessage = "END-OF-MESSAGE";

    /// <summary>Errors and junk commands so far.</summary>
    public ErrorLimit Errors;

    /// <summary>Who the client is.</summary>
    public ClientIdentity Client => client;

    /// <summary>The client's end.</summary>
    public RelaySide ClientSide => clientSide;

    /// <summary>The MTA's end.</summary>
    public RelaySide UpstreamSide => upstreamSide;

    /// <summary>The options the session started with.</summary>
    public SmtpdOptions Options { get; } = snapshot.Current.Smtpd;

    /// <summary>The newest limits: they are tuned under attack, so running sessions obey them too.</summary>
    public SmtpdLimitOptions Limits => snapshot.Current.Limits;

    /// <summary>Where the session's log lines go.</summary>
    public ILogger Log => log;

    /// <summary>Commands without a reply yet.</summary>
    public PendingCommands Pending { get; } = new();

    /// <summary>Names and addresses for log lines.</summary>
    public EnvelopeText Envelope { get; } = new();

    /// <summary>Commands counted for the disconnect line.</summary>
    public CommandStatistics Statistics { get; } = new();

    /// <summary>What the client's next bytes are.</summary>
    public RelayPhase Phase { get; set; }

    /// <summary>The last recognized command, in the words of Postfix's <c>lost connection after …</c>.</summary>
    public string After { get; set; } = AfterConnect;

    /// <summary>Octets of the current message received so far.</summary>
    public long ContentLength { get; set; }

    /// <summary>Octets of the current BDAT chunk that are still to come.</summary>
    public long ChunkRemaining { get; set; }

    /// <summary>When the client last sent something or got a reply; a timestamp.</summary>
    public long ClientActivity { get; set; }

    /// <summary>When the MTA last sent something or got something to answer; a timestamp.</summary>
    public long UpstreamActivity { get; set; }

    /// <summary>The loop's time, read once a step; a timestamp.</summary>
    public long Now { get; set; }

    /// <summary>The end of mail data (or the last chunk) is with the MTA and not answered: only the MTA may say anything now (RFC 1047).</summary>
    public bool AwaitsMessageReply { get; set; }

    /// <summary>How the session ended; <see cref="RelayResult.None"/> while it runs.</summary>
    public RelayResult Result { get; private set; }

    /// <summary>The last reply, still to be sent.</summary>
    public Reply? FinalReply { get; set; }

    /// <summary>The session is over; at most the last reply is still to be sent.</summary>
    public bool HasEnded => Result != RelayResult.None;

    /// <summary>A mail transaction, or a command without a reply: shutdown waits for it.</summary>
    public bool InTransaction => Pending.Count > 0 || Envelope.HasSender || Phase is not RelayPhase.Commands;

    /// <summary>Ends the session, once: the first reason counts.</summary>
    /// <param name="result">How.</param>
    /// <param name="finalReply">What the client is told, if anything.</param>
    public void End(RelayResult result, Reply? finalReply = null)
    {
        if (HasEnded)
            return;

        Result = result;

        // Inside TLS a plaintext reply would be no reply, and the shield must not put octets there.
        FinalReply = Phase is RelayPhase.Tunnel ? null : finalReply;
    }
}
