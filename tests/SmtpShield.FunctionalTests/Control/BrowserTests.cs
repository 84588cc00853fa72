using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using SmtpShield.Control.Admin;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>What pages of other origins can make a browser do in which an operator is logged in: nothing.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(180_000)]
[Property("Operations", "OPS-40")]
internal sealed class BrowserTests : RelayFixture
{
    private const string Password = "correct horse battery";
    private const string Exemption = """{"prefix":"192.0.2.0/24","for_s":60}""";
    private const int Rounds = 100_000;

    private string _users = "";
    private IPEndPoint _endpoint = new(0, 0);

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        using (var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _endpoint = (IPEndPoint)free.LocalEndPoint!;
        }

        _users = Path.GetTempFileName();
        var salt = new byte[16];
        File.WriteAllText(_users, $"{new AdminUser(
            "alice", AdminRole.Operate, Rounds, salt, Rfc2898DeriveBytes.Pbkdf2(Password, salt, Rounds, HashAlgorithmName.SHA256, 32),
            DateTimeOffset.MaxValue)}\n");
        return options with { Control = new() { AdminEndpoints = [_endpoint], AdminUsersFile = _users } };
    }

    [TearDown]
    public void RemoveUsers() => File.Delete(_users);

    // The same host with another port is another origin, but the same site: the browser sends the cookie.
    [Test]
    public async Task Page_OfAnotherOrigin_ChangesNothing(CancellationToken cancellationToken)
    {
        if (!Chromium.IsInstalled)
            Assert.Ignore("chromium is not installed");
        using var site = new TcpListener(IPAddress.Loopback, 0);
        site.Start();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var serving = ServeEmptyPagesAsync(site, over.Token);
        var port = ((IPEndPoint)site.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await using var browser = await Chromium.StartAsync(cancellationToken);

        await browser.GoAsync($"http://localhost:{_endpoint.Port}/v1/session", cancellationToken);
        var token = await browser.RunAsync($$"""
            fetch("/v1/session", {method: "POST", headers: {"Content-Type": "application/json"},
                body: JSON.stringify({name: "alice", password: "{{Password}}"})}).then(answer => answer.json()).then(session => session.token)
            """, cancellationToken);
        Assert.That(token, Does.Match("^[0-9a-f]{64}$"), "logged in");

        foreach (var origin in new[] { $"http://localhost:{port}", $"http://127.0.0.1:{port}" })
        {
            await browser.GoAsync(origin, cancellationToken);
            foreach (var (what, script) in Attacks(token))
            {
                Assert.That(await browser.RunAsync(script, cancellationToken), Is.Not.EqualTo("200"), $"{what} from {origin}");
                Assert.That(Shield.Log.Lines.Where(static line => line.StartsWith("control: allow 192.0.2.0/24 by alice", StringComparison.Ordinal)), Is.Empty,
                    $"{what} from {origin}");
            }
        }

        // That it could: the page that the cookie and the token are of.
        await browser.GoAsync($"http://localhost:{_endpoint.Port}/v1/session", cancellationToken);
        Assert.That(await browser.RunAsync(Fetch("/v1/exemptions", "POST", token, "same-origin"), cancellationToken), Is.EqualTo("200"));
        Assert.That(Shield.Log.Lines, Has.One.StartsWith("control: allow 192.0.2.0/24 by alice"));
        await over.CancelAsync();
        await serving;
    }

    private IEnumerable<(string What, string Script)> Attacks(string token)
    {
        var url = $"http://localhost:{_endpoint.Port}/v1/exemptions";
        foreach (var type in new[] { "text/plain", "application/x-www-form-urlencoded", "multipart/form-data" })
        {
            // The field's name and value make JSON of a body of text.
            yield return ($"a form of {type}", $$"""
                new Promise(done => {
                    document.body.innerHTML = '<iframe name="there"></iframe><form method="post" target="there"><input></form>';
                    const form = document.forms[0];
                    [form.action, form.enctype] = ["{{url}}", "{{type}}"];
                    form[0].name = '{"prefix":"192.0.2.0/24","for_s":60,"why":"';
                    form[0].value = '"}';
                    document.querySelector("iframe").onload = () => done("loaded");
                    form.submit();
                })
                """);
        }

        yield return ("an image", $$"""
            new Promise(done => { const image = new Image(); image.onload = image.onerror = () => done("seen"); image.src = "{{url}}?prefix=192.0.2.0/24"; })
            """);
        yield return ("a fetch that wants to read", Fetch(url, "POST", token, "cors"));
        yield return ("a fetch without the token", Fetch(url, "POST", "", "cors"));
        yield return ("a fetch that reads nothing", Fetch(url, "POST", "", "no-cors"));
        yield return ("a DELETE", Fetch(url + "?prefix=192.0.2.0/24", "DELETE", token, "cors"));
        yield return ("a beacon", $$"""
            navigator.sendBeacon("{{url}}", new Blob(['{{Exemption}}'], {type: "text/plain"})).toString()
            """);
    }

    // A fetch that the browser does not even send ends with an error.
    private static string Fetch(string url, string method, string token, string mode) => $$"""
        fetch("{{url}}", {method: "{{method}}", mode: "{{mode}}", credentials: "include", body: '{{Exemption}}',
            headers: {"Content-Type": "{{(mode == "no-cors" ? "text/plain" : "application/json")}}"{{(
                token.Length > 0 ? $", \"X-Shield-Token\": \"{token}\"" : "")}}}
        }).then(answer => answer.status.toString(), error => error.toString())
        """;

    private static async Task ServeEmptyPagesAsync(TcpListener site, CancellationToken cancellationToken)
    {
        var all = new List<Task>();
        try
        {
            while (true)
                all.Add(ServeEmptyPageAsync(await site.AcceptTcpClientAsync(cancellationToken), cancellationToken));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(all);
        }
    }

    private static async Task ServeEmptyPageAsync(TcpClient client, CancellationToken cancellationToken)
    {
        const string Page = "<!doctype html><title>a page</title>";
        using var closed = client;
        try
        {
            // A browser opens connections that it may not need.
            if (await client.GetStream().ReadAsync(new byte[16 << 10], cancellationToken) > 0)
            {
                await client.GetStream().WriteAsync(
                    Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {Page.Length}\r\nConnection: close\r\n\r\n{Page}"),
                    cancellationToken);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The test is over, or the browser does not want it any more.
        }
    }
}
