using SmtpShield.Options;

namespace SmtpShield.Mta.Reuse;

/// <summary>What stays known about a session with the MTA from one client to the next.</summary>
/// <param name="service">The service of its clients.</param>
/// <param name="options">The options of its clients: those of one reload, and of one state of stress.</param>
/// <param name="snapshot">The options in force.</param>
/// <param name="openedAt">When it was greeted; a timestamp.</param>
internal sealed class SessionReuse(string service, ShieldOptions options, ShieldSnapshot snapshot, long openedAt)
{
    /// <summary>Whether it may go on.</summary>
    public ReuseCareer Career { get; } = new();

    /// <summary>When it was greeted; a timestamp.</summary>
    public long OpenedAt => openedAt;

    /// <summary>How old it may be when another client gets it.</summary>
    public TimeSpan LongestAge => options.Upstream.ReuseTime;

    /// <summary>The HELO or EHLO line it was told last, without its end.</summary>
    public ReadOnlyMemory<byte> Hello { get; private set; }

    /// <summary>The reply to it, 250.</summary>
    public UpstreamReply HelloReply { get; private set; }

    /// <summary>Whether its options still hold for new clients: a reload changes handoff, TLS or whatever the MTA is told.</summary>
    public bool IsInForce => snapshot.Current.Of(service) is var now && (ReferenceEquals(now, options) || ReferenceEquals(now.UnderStress, options));

    /// <summary>Whether a client has the same options.</summary>
    public bool IsFor(string ofService, ShieldOptions ofClient) => service == ofService && ReferenceEquals(options, ofClient);

    /// <summary>The MTA has accepted a client's HELO or EHLO.</summary>
    public void Greet(ReadOnlyMemory<byte> hello, UpstreamReply reply) => (Hello, HelloReply) = (hello, reply);
}
