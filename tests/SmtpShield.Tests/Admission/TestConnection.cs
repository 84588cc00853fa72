using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Shadow;
using SmtpShield.Throttling;

namespace SmtpShield.Tests.Admission;

/// <summary>Connections of clients without sockets.</summary>
internal static class TestConnection
{
    /// <summary>One of a client at an address, identified.</summary>
    public static IdentifiedConnection Identified(
        ShieldSnapshot snapshot, IDuplexPipe? transport = null, string address = "192.0.2.7", string service = "smtp", bool isUnderStress = false,
        ProxyConnection? proxy = null)
    {
        var connection = new DefaultConnectionContext();
        if (transport is not null)
            connection.Transport = transport;
        return new(connection, new(new(service, snapshot), isUnderStress), proxy ?? ProxyConnection.None, new(new IPEndPoint(IPAddress.Parse(address), 1)));
    }

    /// <summary>One that is not counted unless a counter is given.</summary>
    public static ClientConnection Of(
        ShieldSnapshot snapshot, IDuplexPipe? transport = null, ClientCounter? counter = null, string address = "192.0.2.7", string service = "smtp",
        bool isUnderStress = false, ServiceMetrics? metrics = null, ShadowBook? book = null) =>
        new(Identified(snapshot, transport ?? DuplexPipe.CreateConnectionPair(PipeOptions.Default, PipeOptions.Default).Transport, address, service,
            isUnderStress), counter, ClientLines.Unlimited, metrics ?? ServiceMetrics.Uncounted, book);
}
