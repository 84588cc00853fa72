using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Mta.Slots;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.Mta;

/// <summary>
/// The end of a connection to the MTA: QUIT where it is said, FIN, and what the MTA still sends read and dropped until it has closed too. Only then is the
/// session's slot free: the next one never meets an MTA that has not noticed the end of this one.
/// </summary>
/// <remarks>
/// Nobody waits for it, and it is bounded: <see cref="Patience"/> for the answer to QUIT, the same for the MTA's end behind ours, <see cref="MostDropped"/>
/// octets. An MTA that takes longer has a session more for that time. Without a limit nobody needs to know when the MTA has closed: the connection is closed at
/// once, so that there are no more sockets than sessions. See decision 33 for why it is never a reset.
/// </remarks>
internal static class UpstreamDeparture
{
    /// <summary>How long an MTA may take to answer QUIT, and to close behind our end.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // More than an MTA that is done has to say.
    private const long MostDropped = 1 << 20;

    /// <summary>Ends a connection.</summary>
    /// <param name="connection">The connection; owned from here on.</param>
    /// <param name="tls">TLS over it; owned from here on.</param>
    /// <param name="slot">Its slot; given back at the end.</param>
    /// <param name="quits">Whether QUIT is said first: the MTA expects a command, and nothing is being sent to it.</param>
    public static void Begin(ConnectionContext connection, TlsTransport? tls, Slot slot, bool quits) => _ = RunAsync(connection, tls, slot, quits);

    private static async Task RunAsync(ConnectionContext connection, TlsTransport? tls, Slot slot, bool quits)
    {
        try
        {
            var isAwaited = slot.Slots.Terms.AreLimited;
            try
            {
                if (quits)
                    await QuitAsync(tls ?? connection.Transport, isAwaited, slot.Slots.Time).ConfigureAwait(false);
            }
            finally
            {
                // Says close_notify, and waits for an MTA that takes nothing no longer than a second.
                if (tls is not null)
                    await tls.DisposeAsync().ConfigureAwait(false);
            }

            if (!isAwaited)
                return;

            // All that was flushed has been taken by the kernel. Or the MTA takes nothing: then this ends the write.
            connection.Features.Get<IConnectedSocket>()?.EndSending();
            await connection.Transport.Input.DropUntilClosedAsync(MostDropped, Patience, slot.Slots.Time).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsGone(exception))
        {
            // So its session is over.
        }
        finally
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            slot.Dispose();
        }
    }

    private static async ValueTask QuitAsync(IDuplexPipe transport, bool isAwaited, TimeProvider time)
    {
        transport.Output.Write("QUIT\r\n"u8);
        var flush = transport.Output.FlushAsync(CancellationToken.None);
        // The rare MTA that does not take six octets.
        if (!flush.IsCompleted)
            await flush.AsTask().WaitAsync(Patience, time).ConfigureAwait(false);
        if (isAwaited)
            await transport.Input.DropUntilClosedAsync(MostDropped, Patience, time).ConfigureAwait(false);
    }

    // A pipe that broke during a read refuses the next one as invalid.
    private static bool IsGone(Exception exception) =>
        exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException or TimeoutException or OperationCanceledException;
}
