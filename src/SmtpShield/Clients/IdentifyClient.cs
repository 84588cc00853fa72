using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Configuration;
using SmtpShield.Listening;

namespace SmtpShield.Clients;

/// <summary>Decides whose connection this is: the socket's peer. Leaves a <see cref="ClientIdentity"/>; a connection whose peer has already vanished is dropped.</summary>
internal sealed class IdentifyClient(ShieldSnapshot snapshot) : IConnectionStage
{
    /// <inheritdoc />
    public Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.RemoteEndPoint is not IPEndPoint peer)
            return Task.CompletedTask;

        connection.Features.Set(new ClientIdentity(peer, anvil: snapshot.Current.Anvil));
        return next(connection);
    }
}
