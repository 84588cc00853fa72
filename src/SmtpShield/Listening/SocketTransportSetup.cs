using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using SmtpShield.Configuration;

namespace SmtpShield.Listening;

/// <summary>How Kestrel's socket transport is set up, all in one place.</summary>
internal sealed class SocketTransportSetup(ShieldSnapshot snapshot, ListenSockets sockets) : IConfigureOptions<SocketTransportOptions>
{
    /// <inheritdoc/>
    public void Configure(SocketTransportOptions options)
    {
        // Nothing here blocks a thread, so completions run where they happen: 80 instead of 130 microseconds of CPU a message (4 KB messages, two cores).
        options.UnsafePreferInlineScheduling = true;

        // A session waits most of its life; it has no buffer while it does.
        options.WaitForDataBeforeAllocatingBuffer = true;

        // What a client may send ahead before the kernel's window closes on it.
        options.MaxReadBufferSize = 64 * 1024;

        // The pipe's pause threshold, and its half the resume threshold, which the pipe raises to 1: a flush completes when the kernel has taken every octet, not before. So a
        // write deadline measures the client, and what is relayed to a slow client is not collected in memory.
        options.MaxWriteBufferSize = 1;

        options.NoDelay = true;

        // Linux lets one more in than it says. It also cuts it to net.core.somaxconn (4096).
        options.Backlog = snapshot.Current.Listener.DefaultProcessLimit;

        options.CreateBoundListenSocket = sockets.CreateBound;
    }
}
