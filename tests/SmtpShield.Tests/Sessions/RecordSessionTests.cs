using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Clients;
using SmtpShield.Sessions;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Sessions;

public class RecordSessionTests
{
    [TestCase(false, "Information: connect from unknown[192.0.2.1]", "Information: disconnect from unknown[192.0.2.1] commands=0/0")]
    [TestCase(true, "Debug: checked by unknown[192.0.2.1] commands=0/0")]
    [Property("Hazard", "ID-10")]
    public async Task Invoke_OwnConnectionOfAProxy_IsOneLineAtDebugLevel(bool isLocal, params string[] expected)
    {
        var log = new ListLogger<RecordSession>();
        await using var connection = new DefaultConnectionContext();
        connection.Features.Set(new ClientIdentity(new(IPAddress.Parse("192.0.2.1"), 1)));
        connection.Features.Set(new ProxyConnection(isLocal));

        await new RecordSession(log).InvokeAsync(connection, _ => Task.CompletedTask);

        Assert.That(log.Lines, Is.EqualTo(expected));
    }
}
