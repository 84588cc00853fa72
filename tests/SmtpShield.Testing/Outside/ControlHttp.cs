using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.Testing.Outside;

/// <summary>A client of the control API that is none of the shield's own, with a connection for each request.</summary>
public static class ControlHttp
{
    /// <summary>Asks.</summary>
    /// <returns>The status code and the body.</returns>
    public static async Task<(int Status, string Body)> AskAsync(
        string socket, HttpMethod method, string resource, CancellationToken cancellationToken, string? json = null, string mediaType = "application/json",
        string? ifMatch = null)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) => new NetworkStream(await ConnectAsync(socket, cancel), ownsSocket: true),
        });
        using var request = new HttpRequestMessage(method, "http://localhost" + resource)
        {
            Content = json is null ? null : new StringContent(json, Encoding.UTF8, mediaType),
            Version = HttpVersion.Version11,
        };
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        using var response = await http.SendAsync(request, cancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
    }

    /// <summary>A connection, for what is no request.</summary>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return socket;
            }
            catch (SocketException full) when (full.SocketErrorCode == SocketError.WouldBlock)
            {
                // The listen queue is full: one that waits for its connection would be in the queue of that queue.
                socket.Dispose();
                await Task.Yield();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }
}
