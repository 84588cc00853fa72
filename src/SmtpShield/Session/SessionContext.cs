using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Shadow;
using SmtpShield.Tls;

namespace SmtpShield.Session;

/// <summary>
/// What stays the same, or goes on counting, when a session begins anew behind STARTTLS (RFC 3207 section 4.2): who the client is, and what it has done so far.
/// </summary>
/// <param name="connection">The client's connection.</param>
/// <param name="enterHandshakes">Takes a place among the handshakes under way, when the client is told to begin one and not before;
/// null: there is none for it.</param>
/// <param name="isLate">The client is answered in the MTA's place until it needs one.</param>
internal sealed class SessionContext(ClientConnection connection, Func<HandshakeSlot?> enterHandshakes, bool isLate = false) : IDisposable
{
    private HandshakeSlot? _handshake;
    private bool _hasPipelinedImproperly;

    /// <summary>Errors and junk commands so far.</summary>
    public ErrorLimit Errors;

    /// <summary>The client's connection.</summary>
    public ClientConnection Connection => connection;

    /// <summary>The client is answered in the MTA's place until it needs one, if it is known what to say.</summary>
    public bool IsLate => isLate;

    /// <summary>Who the client is.</summary>
    public ClientIdentity Client => connection.Client;

    /// <summary>Counts the client's events; null when it is exempt.</summary>
    public ClientCounter? Counter => connection.Counter;

    /// <summary>The options the session started with.</summary>
    public ShieldOptions Options => connection.Options.AtStart;

    /// <summary>The newest limits: they are tuned under attack, so running sessions obey them too.</summary>
    public SmtpdLimitOptions Limits => connection.Options.Limits;

    /// <summary>Judges the session by the limits in shadow; null: there are none, or not for this client.</summary>
    public ShadowJudge? Shadow
    {
        get
        {
            var shadow = connection.Shadow;
            shadow?.BeginErrors(Errors);
            return shadow;
        }
    }

    /// <summary>Commands counted for the disconnect line.</summary>
    public CommandStatistics Statistics => connection.Statistics;

    /// <summary>The client has said AUTH: what it sends from here on may be credentials, at whatever prompt it types them.</summary>
    public bool MaySendCredentials { get; private set; }

    /// <summary>Octets of refused chunks, refused messages and over-long lines that were read and dropped.</summary>
    public long Dropped { get; private set; }

    /// <summary>Whether no more than <see cref="ProtocolLimits.RefusedContent"/> octets were.</summary>
    public bool HasDropRoom => Dropped <= ProtocolLimits.RefusedContent;

    /// <summary>When the client was greeted; a timestamp, null before.</summary>
    public long? GreetedAt { get; private set; }

    /// <summary>The client said EHLO before STARTTLS: all that is kept of it (Postfix keeps it too, smtpd.c, <c>starttls_cmd</c>).</summary>
    public bool IsEsmtp { get; private set; }

    /// <summary>What STARTTLS means now.</summary>
    public TlsMode Tls =>
        connection.Tls is not null ? TlsMode.Active
        : Options.Tls.IsPassedOn ? TlsMode.Passthrough
        : Options.Tls.IsTerminated ? TlsMode.Offered
        : TlsMode.None;

    /// <summary>Which SASL mechanisms pass: where STARTTLS is the MTA's the shield reads along no further than it can anyway.</summary>
    public PassedMechanisms PassedMechanisms => Tls switch
    {
        TlsMode.Passthrough => PassedMechanisms.All,
        TlsMode.None => PassedMechanisms.Readable,
        _ => PassedMechanisms.ReadableAndUnbound,
    };

    /// <summary>Takes a place among the handshakes under way.</summary>
    /// <returns>False: there is none for this client.</returns>
    public bool TryReserveHandshake() => (_handshake = enterHandshakes()) is not null;

    /// <summary>Hands the place over to who makes the handshake.</summary>
    public HandshakeSlot TakeHandshake() => _handshake ?? throw new InvalidOperationException("STARTTLS was answered with 220 without a place.");

    /// <summary>Gives back the place, if it has not been yet.</summary>
    public void Dispose() => _handshake?.Dispose();

    /// <summary>Where the service counts.</summary>
    public ServiceMetrics Metrics => connection.Metrics;

    /// <summary>The client is greeted.</summary>
    public void NoteGreeted(long now)
    {
        GreetedAt = now;
        connection.NoteOutcome(ConnectionOutcome.Served);
    }

    /// <summary>The MTA has accepted the client's AUTH: only the session it was said in knows who the client is.</summary>
    public bool IsAuthenticated { get; private set; }

    /// <summary>The MTA has accepted AUTH.</summary>
    public void NoteAuthenticated() => IsAuthenticated = true;

    /// <summary>The client has said AUTH.</summary>
    public void ExpectCredentials() => MaySendCredentials = true;

    /// <summary>The client has sent input before its time.</summary>
    /// <returns>Whether it is the first time: to log that once a session is enough.</returns>
    public bool NoteImproperPipelining() => !_hasPipelinedImproperly && (_hasPipelinedImproperly = true);

    /// <summary>Input was read and dropped.</summary>
    /// <returns><see cref="HasDropRoom"/>.</returns>
    public bool Drop(long octets)
    {
        Dropped += octets;
        return HasDropRoom;
    }

    /// <summary>STARTTLS was answered with 220: the session begins anew behind the handshake.</summary>
    /// <param name="isEsmtp">Whether the client has said EHLO.</param>
    public void LeaveClear(bool isEsmtp) => IsEsmtp = isEsmtp;
}
