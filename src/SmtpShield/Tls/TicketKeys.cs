using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;

namespace SmtpShield.Tls;

/// <summary>
/// Keeps the keys of one certificate's session tickets for as long as the certificate is in use. They are in OpenSSL's contexts, one for each set of versions
/// and each service. .NET throws away all contexts that no connection uses, those of other certificates too, whenever it makes one and has a multiple of 32
/// then. So one session of each, which the shield has with itself, stays open here; the garbage collector ends it with the certificate.
/// </summary>
internal sealed class TicketKeys
{
    private readonly ConcurrentDictionary<SslProtocols, Lazy<Task<SslStream?>>> _sessions = new();

    /// <summary>Has the context made, unless it is there, and keeps it.</summary>
    /// <param name="options">Those of the handshake that needs it. All that <see cref="SslStream"/> tells contexts apart by, but for the versions, is the same
    /// in each call.</param>
    /// <returns>When it is kept. With a key or versions with which no handshake succeeds there is nothing to keep: the caller's own will say why.</returns>
    public Task KeepAsync(SslServerAuthenticationOptions options)
    {
        if (!_sessions.TryGetValue(options.EnabledSslProtocols, out var session))
            session = _sessions.GetOrAdd(options.EnabledSslProtocols, new Lazy<Task<SslStream?>>(() => BeginAsync(options)));
        return session.Value;
    }

    private static async Task<SslStream?> BeginAsync(SslServerAuthenticationOptions options)
    {
        Pipe toServer = new(), toClient = new();
        var server = new SslStream(new DuplexPipeStream(new Ends(toServer.Reader, toClient.Writer)));
        var client = new SslStream(new DuplexPipeStream(new Ends(toClient.Reader, toServer.Writer)));
        await using var _ = client.ConfigureAwait(false);
        var handshake = EndingAsync(server.AuthenticateAsServerAsync(options), toClient.Writer);
        var isMade = await EndingAsync(client.AuthenticateAsClientAsync(OptionsOfClient(options)), toServer.Writer).ConfigureAwait(false);
        if (await handshake.ConfigureAwait(false) && isMade)
            return server;

        await server.DisposeAsync().ConfigureAwait(false);
        return null;

        // Who has failed sends nothing more, and says so: the other one would wait.
        static async Task<bool> EndingAsync(Task handshake, PipeWriter output)
        {
            try
            {
                await handshake.ConfigureAwait(false);
                return true;
            }
            catch (Exception)
            {
                // The client's own handshake fails of the same, and says why.
                return false;
            }
            finally
            {
                await output.CompleteAsync().ConfigureAwait(false);
            }
        }
    }

    // It makes no context that stays, and takes any certificate: it is the shield's own.
    private static SslClientAuthenticationOptions OptionsOfClient(SslServerAuthenticationOptions server) => new()
    {
        TargetHost = "",
        EnabledSslProtocols = server.EnabledSslProtocols,
        AllowTlsResume = false,
#pragma warning disable CA5359 // The server is at the other end of a pipe.
        RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
    };

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
