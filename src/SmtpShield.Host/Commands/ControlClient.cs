using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;

namespace SmtpShield.Host.Commands;

/// <summary>Asks a running shield, over its control socket.</summary>
/// <param name="path">The socket.</param>
/// <param name="patience">How long the shield may take; null: somewhat longer than it gives a request.</param>
internal sealed class ControlClient(string path, TimeSpan? patience = null) : IDisposable
{
    // Above what the shield gives a request.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // Of what is no shield's.
    private const int MaxAnswer = 4 << 20;

    private readonly HttpClient _http = new(
        new SocketsHttpHandler { UseProxy = false, ConnectCallback = (_, cancellationToken) => ConnectAsync(path, cancellationToken) })
    {
        BaseAddress = new Uri("http://localhost/"),
        Timeout = patience ?? Patience,
        MaxResponseContentBufferSize = MaxAnswer,
    };

    /// <summary>Asks.</summary>
    /// <param name="method">GET, or POST for a change.</param>
    /// <param name="resource">The path, below the root.</param>
    /// <param name="change">The JSON of a change; null for none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The answer; null where nobody gives one.</returns>
    public async Task<ControlAnswer?> AskAsync(HttpMethod method, string resource, string? change, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, resource);
        if (change is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(change));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            return new(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Asks for a stream of events, which ends with the shield.</summary>
    /// <param name="resource">The path, below the root.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The events, each with its name, its id and its JSON; or the answer why there are none, or nothing where nobody answers.</returns>
    public async Task<(ControlAnswer? Answer, IAsyncEnumerable<(string Name, string Id, string Json)>? Events)> WatchAsync(
        string resource, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, resource);
            // Its time limit is for the answer's head.
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.IsSuccessStatusCode)
                return (null, EventsOf(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken));
            using (response)
                return (new ControlAnswer(false, await response.Content.ReadAsStringAsync(cancellationToken)), null);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return (null, null);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private static async IAsyncEnumerable<(string Name, string Id, string Json)> EventsOf(
        Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using (stream)
        {
            await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
                yield return (item.EventType, item.EventId ?? "", item.Data);
        }
    }

    private static async ValueTask<Stream> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException full) when (full.SocketErrorCode == SocketError.WouldBlock)
            {
                // The listen queue is full, and .NET does not wait for it as connect(2) does.
                socket.Dispose();
                await Task.Delay(Pause, TimeProvider.System, cancellationToken);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }
}
