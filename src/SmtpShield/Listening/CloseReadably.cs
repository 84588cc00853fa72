using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>
/// Closes a connection so that the client can read the last reply: sends FIN, then reads and drops what the client still sends until it closes too. Closing
/// with unread input would make the kernel send RST, which takes the reply with it. The session's process slot is free before the wait.
/// </summary>
/// <remarks>
/// Bounded: <see cref="LongestWait"/> and <see cref="MostOctets"/> a connection, <see cref="SessionBound.Closing"/> at a time; those above it are closed at
/// once.
/// </remarks>
internal sealed class CloseReadably(ConnectionRoom room, TimeProvider time) : IConnectionStage<ConnectionContext>
{
    private const long MostOctets = 16 << 20;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, Func<ConnectionContext, Task> next)
    {
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            connection.Features.Get<ProcessSlot>()?.Release();
        }

        // Everything flushed has been taken by the kernel. Or the client takes nothing: then this ends the write.
        connection.Features.Get<IConnectedSocket>()?.EndSending();
        if (connection.Features.Get<CloseAtOnce>() is not null || !room.TryEnterClosing())
            return;

        await WaitForCloseAsync(connection).ConfigureAwait(false);
        room.LeaveClosing();
    }

    private async ValueTask WaitForCloseAsync(ConnectionContext connection)
    {
        try
        {
            await connection.Transport.Input.DropUntilClosedAsync(MostOctets, LongestWait, time).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The client is gone. (A pipe that broke during a read refuses the next one as invalid.)
        }
    }
}
