using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;
using SmtpShield.Configuration;

namespace SmtpShield.Tests.Clients;

public class IdentifyClientTests
{
    [Test]
    public async Task Invoke_Peer_IsLeftAsAFeature()
    {
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234) };
        string? seen = null;

        await new IdentifyClient(new(new())).InvokeAsync(connection, next =>
        {
            seen = next.Features.Get<ClientIdentity>()?.NameAddress;
            return Task.CompletedTask;
        });

        Assert.That(seen, Is.EqualTo("unknown[192.0.2.7]"));
    }

    [Test]
    public async Task Invoke_PrefixLengthsAfterAReload_AreTheNewest()
    {
        var snapshot = new ShieldSnapshot(new());
        var stage = new IdentifyClient(snapshot);
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("2001:db8::a"), 1234) };
        snapshot.Replace(new() { Anvil = new() { ClientIPv4PrefixLength = 24, ClientIPv6PrefixLength = 64 } });

        await stage.InvokeAsync(connection, _ => Task.CompletedTask);

        Assert.That(connection.Features.Get<ClientIdentity>()?.Range, Is.EqualTo(ClientRange.Of(IPAddress.Parse("2001:db8::"), 24, 64)));
    }

    [Test]
    public async Task Invoke_PeerThatHasVanished_IsDropped()
    {
        await using var connection = new DefaultConnectionContext();

        await new IdentifyClient(new(new())).InvokeAsync(connection, _ => throw new InvalidOperationException("A connection without a peer came in."));

        Assert.That(connection.Features.Get<ClientIdentity>(), Is.Null);
    }
}
