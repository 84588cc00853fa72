using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing.Outside;

/// <summary>A reader of the control API's stream of events, line by line.</summary>
public sealed class ControlEvents : IDisposable
{
    private readonly HttpClient _http;
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _lines;

    private ControlEvents(HttpClient http, HttpResponseMessage response, StreamReader lines) => (_http, _response, _lines) = (http, response, lines);

    /// <summary>The status code of its answer.</summary>
    public int Status => (int)_response.StatusCode;

    /// <summary>The answer's header <c>Retry-After</c>; null: there is none.</summary>
    public string? RetryAfter => _response.Headers.RetryAfter?.ToString();

    /// <summary>The answer's media type.</summary>
    public string? MediaType => _response.Content.Headers.ContentType?.MediaType;

    /// <summary>Begins to read.</summary>
    /// <param name="socket">The control socket.</param>
    /// <param name="topics">What about; null: all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="lastId">The id of the last event read before.</param>
    public static async Task<ControlEvents> OpenAsync(string socket, string? topics, CancellationToken cancellationToken, string? lastId = null)
    {
        var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) => new NetworkStream(await ControlHttp.ConnectAsync(socket, cancel), ownsSocket: true),
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://localhost/v1/events" + (topics is null ? "" : $"?topics={topics}"))
        {
            Version = HttpVersion.Version11,
        };
        if (lastId is not null)
            request.Headers.Add("Last-Event-ID", lastId);
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        return new(http, response, new(await response.Content.ReadAsStreamAsync(cancellationToken)));
    }

    /// <summary>The next line; null: the stream is over.</summary>
    public async Task<string?> LineAsync(CancellationToken cancellationToken) => await _lines.ReadLineAsync(cancellationToken);

    /// <summary>The next event, comments left out; its name is empty when the stream is over.</summary>
    public async Task<(string Name, string Id, string Data)> NextAsync(CancellationToken cancellationToken)
    {
        var (name, id, data) = ("", "", "");
        while (await LineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0 && name.Length > 0)
                return (name, id, data);
            if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
                data = line[6..];
        }

        return default;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _lines.Dispose();
        _response.Dispose();
        _http.Dispose();
    }
}
