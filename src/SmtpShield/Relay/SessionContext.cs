using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>What stays the same, or goes on counting, when a session begins anew behind STARTTLS (RFC 3207 section 4.2): who the client is, and what it has done so far.</summary>
/// <param name="client">Who the client is.</param>
/// <param name="counter">Counts the client's events; null when it is exempt.</param>
/// <param name="service">The service the client has connected to.</param>
/// <param name="isUnderStress">Whether the service was under stress when the session began; it stays so for the session, as for a Postfix process.</param>
internal sealed class SessionContext(ClientIdentity client, ClientCounter? counter, ShieldService service, bool isUnderStress)
{
    /// <summary>Errors and junk commands so far.</summary>
    public ErrorLimit Errors;

    /// <summary>What the session may still log of its client's doings.</summary>
    public LogBudget LogBudget;

    /// <summary>Who the client is.</summary>
    public ClientIdentity Client => client;

    /// <summary>Counts the client's events; null when it is exempt.</summary>
    public ClientCounter? Counter => counter;

    /// <summary>The options the session started with.</summary>
    public ShieldOptions Options { get; } = service.Current.When(isUnderStress);

    /// <summary>The newest limits: they are tuned under attack, so running sessions obey them too.</summary>
    public SmtpdLimitOptions Limits => service.Current.When(isUnderStress).Limits;

    /// <summary>Commands counted for the disconnect line.</summary>
    public CommandStatistics Statistics { get; } = new();

    /// <summary>Input that came before its time was logged already: once a session is enough.</summary>
    public bool HasPipelinedImproperly { get; set; }

    /// <summary>The client has said AUTH: what it sends from here on may be credentials, at whatever prompt it types them.</summary>
    public bool MaySendCredentials { get; set; }

    /// <summary>Octets of refused chunks, refused messages and over-long lines that were read and dropped; bounded by <see cref="ProtocolLimits.RefusedContent"/>.</summary>
    public long RefusedInput { get; set; }

    /// <summary>When the client was greeted; a timestamp, 0 before.</summary>
    public long Start { get; set; }

    /// <summary>The client said EHLO before STARTTLS: all that is kept of it (Postfix keeps it too, smtpd.c, <c>starttls_cmd</c>).</summary>
    public bool IsEsmtp { get; set; }

    /// <summary>What STARTTLS means now.</summary>
    public TlsMode Tls { get; set; }

    /// <summary>Which SASL mechanisms pass: where STARTTLS is the MTA's the shield reads along no further than it can anyway.</summary>
    public PassedMechanisms PassedMechanisms => Tls switch
    {
        TlsMode.Passthrough => PassedMechanisms.All,
        TlsMode.None => PassedMechanisms.Readable,
        _ => PassedMechanisms.ReadableAndUnbound,
    };

    /// <summary>Takes a place among the handshakes under way, when the client is told to begin one and not before. False: there is none for it.</summary>
    public Func<bool> TryReserveHandshake { get; set; } = static () => true;
}
