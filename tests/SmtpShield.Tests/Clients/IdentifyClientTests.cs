using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;

namespace SmtpShield.Tests.Clients;

public class IdentifyClientTests
{
    [Test]
    public async Task Invoke_Peer_IsLeftAsAFeature()
    {
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234) };
        string? seen = null;

        await new IdentifyClient().InvokeAsync(connection, next =>
        {
            seen = next.Features.Get<ClientIdentity>()?.NameAddress;
            return Task.CompletedTask;
        });

        Assert.That(seen, Is.EqualTo("unknown[192.0.2.7]"));
    }

    [Test]
    public async Task Invoke_PeerThatHasVanished_IsDropped()
    {
        await using var connection = new DefaultConnectionContext();

        await new IdentifyClient().InvokeAsync(connection, _ => throw new InvalidOperationException("A connection without a peer came in."));

        Assert.That(connection.Features.Get<ClientIdentity>(), Is.Null);
    }
}
