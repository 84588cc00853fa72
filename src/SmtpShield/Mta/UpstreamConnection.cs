using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Tls;

namespace SmtpShield.Mta;

/// <summary>
/// One session with the MTA, its greeting already read. It lasts as long as the client's session, so it holds no more than it must:
/// no timer, no token source, nothing of the dial that made it.
/// </summary>
/// <param name="connection">The socket as a connection; owned.</param>
/// <param name="tls">TLS over it; owned. <see langword="null"/>: the session is in clear.</param>
/// <param name="destination">The destination that counts this session; released once, by <see cref="DisposeAsync"/>.</param>
/// <param name="greeting">The complete reply, every line ended by CR LF.</param>
/// <param name="greetingCode">The reply code of the greeting.</param>
internal sealed class UpstreamConnection(ConnectionContext connection, TlsTransport? tls, UpstreamDestination destination, byte[] greeting, int greetingCode)
    : IAsyncDisposable
{
    private int _disposed;

    /// <summary>The bytes to and from the MTA; input starts behind the greeting. A completed flush means the kernel has the bytes.</summary>
    public IDuplexPipe Transport => tls ?? connection.Transport;

    /// <summary>What TLS with the MTA agreed on; <see langword="null"/> in clear.</summary>
    public TlsFacts? Tls => tls?.Facts;

    /// <summary>The destination as configured, <c>host:port</c>.</summary>
    public string Destination => destination.Name;

    /// <summary>The complete greeting, every line ended by CR LF.</summary>
    public ReadOnlyMemory<byte> Greeting => greeting;

    /// <summary>The reply code of the greeting: 220, or whatever else the MTA said.</summary>
    public int GreetingCode => greetingCode;

    /// <summary>The reply to the client's HELO or EHLO line (<see cref="UpstreamClient.Hello"/>); <see langword="null"/>: none was said.</summary>
    public UpstreamReply? HelloReply { get; init; }

    /// <summary>Says QUIT to an MTA whose session is idle and over; its reply is not waited for.</summary>
    public async ValueTask QuitAsync()
    {
        Transport.Output.Write("QUIT\r\n"u8);
        await Transport.Output.FlushAsync();
    }

    /// <summary>
    /// Closes the connection with FIN after what was flushed, and takes the session off its destination's count; bytes not yet flushed are never sent. An MTA
    /// that takes nothing is not waited for. A second call does nothing.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        try
        {
            // Says close_notify, and waits for an MTA that takes nothing no longer than a second.
            if (tls is not null)
                await tls.DisposeAsync();
            await connection.DisposeAsync();
        }
        finally
        {
            destination.Leave();
        }
    }
}
