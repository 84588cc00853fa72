using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using SmtpShield.Listening;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>
/// End points that are no service's, in the same host: a control socket, a console. Kestrel's own transport binds them, and none of
/// the shield's limits is theirs.
/// </summary>
public sealed class OtherEndPointTests
{
    [Test, CancelAfter(30_000)]
    public async Task HttpOnAUnixSocket_BesideAServiceThatIsFull_Answers(CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-");
        var path = Path.Combine(directory.FullName, "control");
        var isLimited = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await using var host = await ListeningHost.StartAsync(
                ListeningHost.Loopback(limit: 1),
                async connection =>
                {
                    isLimited.TrySetResult(connection.Features.Get<ProcessSlot>() is not null);
                    await connection.Transport.Input.ReadAsync(CancellationToken.None);
                },
                kestrel => kestrel.ListenUnixSocket(path),
                static application => application.Run(
                    static context => context.Response.WriteAsync(context.Request.Protocol + (context.Features.Get<ProcessSlot>() is null ? "" : " limited"))),
                cancellationToken);
            using var client = new TcpClient();
            await client.ConnectAsync(host.EndPoints.Single(), cancellationToken);
            var wasLimited = await isLimited.Task.WaitAsync(cancellationToken);

            using var http = new HttpClient(new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancel) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            });
            var answer = await http.GetStringAsync(new Uri("http://control/"), cancellationToken);

            Assert.Multiple(() =>
            {
                Assert.That(answer, Is.EqualTo("HTTP/1.1"));
                Assert.That(wasLimited, Is.True, "the service's end point is not the shield's any more");
            });
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
