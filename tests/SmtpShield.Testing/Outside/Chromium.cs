using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Outside;

/// <summary>A browser without a window, with one tab, driven by the Chrome DevTools Protocol: goes to pages, and runs scripts in them.</summary>
public sealed partial class Chromium : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly OutsideProcess _process;
    private readonly string _profile;
    private readonly ClientWebSocket _socket = new();
    private string _session = "";
    private int _last;

    private Chromium(OutsideProcess process, string profile) => (_process, _profile) = (process, profile);

    /// <summary>Whether it is installed.</summary>
    public static bool IsInstalled => OutsideProcess.IsInstalled("chromium");

    /// <summary>Starts it with a profile of its own.</summary>
    public static async Task<Chromium> StartAsync(CancellationToken cancellationToken)
    {
        var profile = Directory.CreateTempSubdirectory("smtpshield-chromium-").FullName;
        var browser = new Chromium(
            OutsideProcess.Start("chromium",
            [
                // Tests run as root in a container, where it has no sandbox and little shared memory.
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                $"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank",
            ]),
            profile);
        try
        {
            await Eventually.HoldsAsync(() => Endpoint().IsMatch(browser._process.Output), s_limit, "the browser has started", cancellationToken);
            await browser._socket.ConnectAsync(new(Endpoint().Match(browser._process.Output).Groups[1].Value), cancellationToken);
            var target = await browser.AskAsync("Target.createTarget", new() { ["url"] = "about:blank" }, cancellationToken);
            var session = await browser.AskAsync(
                "Target.attachToTarget", new() { ["targetId"] = target.GetProperty("targetId").GetString(), ["flatten"] = true }, cancellationToken);
            browser._session = session.GetProperty("sessionId").GetString()!;
            await browser.AskAsync("Page.enable", [], cancellationToken);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Goes to a page, and waits until it is there.</summary>
    public async Task GoAsync(string url, CancellationToken cancellationToken)
    {
        await AskAsync("Page.navigate", new() { ["url"] = url }, cancellationToken);
        await ReceiveAsync(static message => message.TryGetProperty("method", out var name) && name.GetString() == "Page.loadEventFired", cancellationToken);
    }

    /// <summary>Runs a script in the page, which the page's own policy does not keep from running.</summary>
    /// <param name="script">An expression; a promise is waited for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its value, as text.</returns>
    public async Task<string> RunAsync(string script, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(
            "Runtime.evaluate", new() { ["expression"] = script, ["awaitPromise"] = true, ["returnByValue"] = true }, cancellationToken);
        return answer.TryGetProperty("exceptionDetails", out var thrown) ? throw new InvalidOperationException(thrown.GetRawText())
            : answer.GetProperty("result").TryGetProperty("value", out var value) ? value.ToString() : "";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _process.DisposeAsync();
        // Its other processes write into it for a moment more.
        await Eventually.TryAsync(TryDelete, s_limit, CancellationToken.None);
    }

    private bool TryDelete()
    {
        try
        {
            Directory.Delete(_profile, recursive: true);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<JsonElement> AskAsync(string method, JsonObject parameters, CancellationToken cancellationToken)
    {
        var number = ++_last;
        var message = new JsonObject { ["id"] = number, ["method"] = method, ["params"] = parameters };
        if (_session.Length > 0)
            message["sessionId"] = _session;
        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        var answer = await ReceiveAsync(message => message.TryGetProperty("id", out var id) && id.GetInt32() == number, cancellationToken);
        return answer.TryGetProperty("result", out var result) ? result : throw new InvalidOperationException(answer.GetRawText());
    }

    private async Task<JsonElement> ReceiveAsync(Func<JsonElement, bool> isIt, CancellationToken cancellationToken)
    {
        var buffer = new byte[64 << 10];
        while (true)
        {
            using var text = new MemoryStream();
            ValueWebSocketReceiveResult received;
            do
            {
                received = await _socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
                text.Write(buffer, 0, received.Count);
            }
            while (!received.EndOfMessage);
            var message = JsonDocument.Parse(text.ToArray()).RootElement;
            if (isIt(message))
                return message;
        }
    }

    [GeneratedRegex(@"DevTools listening on (ws://\S+)")]
    private static partial Regex Endpoint();
}
