using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Listening;
using SmtpShield.Session;

namespace SmtpShield;

/// <summary>What happens to a connection, in order.</summary>
internal static class ShieldPipeline
{
    /// <summary>
    /// Composes the path of a connection behind accept. Each stage calls the next one, with what it has found out of the connection, and finishes behind it.
    /// </summary>
    public static void UseSmtpShield(this IConnectionBuilder connection) => connection.Begin()
        .Then<CloseReadably>()                        // last: the client can read the last reply
        .Then<ReadProxyHeader, ArrivedConnection>()   // its options; behind a proxy: its PROXY header -> the client's address
        .Then<RefuseBanned>()                         // banned -> 421, closed at once
        .Then<IdentifyClient, IdentifiedConnection>() // socket address -> ClientIdentity
        .Then<RecordSession, ClientConnection>()      // connect from …, how it ended, disconnect from …
        .Then<RequireProxyHeader>()                   // no PROXY header where there must be one -> 421
        .Then<WrapTls>()                              // smtpd_tls_wrappermode: the handshake comes first
        .Then<PregreetCheck>()                        // who talks before the greeting -> 554
        .Then<AdmitClient>()                          // connection count and rate -> 421
        .End<SmtpSessionHandler>();                   // dial, greet, relay with counting
}
