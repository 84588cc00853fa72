using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Mta.Slots;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.Mta.Reuse;

/// <summary>A session with the MTA that has no client: what it says is nobody's. It keeps its slot.</summary>
/// <param name="connection">The socket as a connection; owned.</param>
/// <param name="tls">TLS over it; owned. <see langword="null"/>: the session is in clear.</param>
/// <param name="destination">The destination.</param>
/// <param name="slot">Its right to be there; owned.</param>
/// <param name="greeting">The MTA's greeting.</param>
/// <param name="reuse">What is known of it.</param>
internal sealed class KeptSession(
    ConnectionContext connection, TlsTransport? tls, UpstreamDestination destination, Slot slot, byte[] greeting, SessionReuse reuse)
{
    /// <summary>Its right to be there.</summary>
    public Slot Slot { get; set; } = slot;

    /// <summary>Since when it has no client; a timestamp.</summary>
    public long KeptAt { get; set; }

    /// <summary>What is known of it.</summary>
    public SessionReuse Reuse => reuse;

    /// <summary>The destination.</summary>
    public UpstreamDestination Destination => destination;

    /// <summary>The bytes to and from the MTA.</summary>
    public IDuplexPipe Transport => tls ?? connection.Transport;

    /// <summary>The address it goes to.</summary>
    public IPAddress? Address => (connection.RemoteEndPoint as IPEndPoint)?.Address;

    /// <summary>Whether the MTA has said something, or closed. Inside TLS it may turn out to be nothing.</summary>
    public bool HasTalked
    {
        get
        {
            if (Transport.Input is ISocketLook { IsReady: true })
                return true;
            try
            {
                if (!Transport.Input.TryRead(out var read))
                    return false;
                Transport.Input.AdvanceTo(read.Buffer.Start);
                return !read.Buffer.IsEmpty || read.IsCompleted;
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException)
            {
                return true;
            }
        }
    }

    /// <summary>Goes on with a client. Nothing else may be done with this any more.</summary>
    /// <param name="text">The MTA's greeting for it; <see langword="null"/>: the one it had.</param>
    /// <param name="code">The greeting's code.</param>
    /// <param name="helloReply">The reply to the client's HELO or EHLO; <see langword="null"/>: it was not said.</param>
    /// <param name="isUntried">Whether nothing was said for this client yet.</param>
    public UpstreamConnection HandOver(byte[]? text, int code, UpstreamReply? helloReply, bool isUntried) =>
        new(connection, tls, destination, Slot, text is null ? greeting : destination.Intern(text), code)
        {
            HelloReply = helloReply,
            Reuse = reuse,
            IsUntried = isUntried,
        };

    /// <summary>Leaves the MTA with QUIT; nobody waits for it.</summary>
    public void Quit() => UpstreamDeparture.Begin(connection, tls, Slot, quits: true);
}
