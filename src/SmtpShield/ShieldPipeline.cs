using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Listening;
using SmtpShield.Sessions;

namespace SmtpShield;

/// <summary>What happens to a connection, in order.</summary>
internal static class ShieldPipeline
{
    /// <summary>Composes the path of a connection behind accept. Each stage calls the next one and finishes behind it.</summary>
    public static void UseSmtpShield(this IConnectionBuilder connection) => connection
        .UseStage<CloseReadably>()                   // last: the client can read the last reply
        .UseStage<ReadProxyHeader>()                 // behind a proxy: its PROXY header -> the client's address
        .UseStage<IdentifyClient>()                  // socket address -> ClientIdentity
        .UseStage<RecordSession>()                   // connect from …, disconnect from …
        .UseStage<RequireProxyHeader>()              // no PROXY header where there must be one -> 421
        .UseStage<WrapTls>()                         // smtpd_tls_wrappermode: the handshake comes first
        .UseStage<PregreetCheck>()                   // who talks before the greeting -> 554
        .UseStage<AdmitClient>()                     // connection count and rate -> 421, or a ClientCounter
        .UseConnectionHandler<SmtpSessionHandler>(); // dial, greet, relay with counting
}
