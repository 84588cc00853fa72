using System.Net;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Events;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The API over TCP: who gets in, what a role may, and what a page of somebody else's can't.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(120_000)]
internal sealed partial class AdminTests : RelayFixture
{
    private const string Password = "correct horse battery";
    private const string Exemption = """{"prefix":"192.0.2.0/24","for_s":60}""";

    // A tenth of what is made, so that tests don't take minutes.
    private static readonly string s_alice = Fast("alice", AdminRole.Operate);
    private static readonly string s_bob = Fast("bob", AdminRole.View);

    private string _directory = "";
    private string _viewToken = "";
    private string _operateToken = "";
    private string _shortToken = "";
    private IPEndPoint _endpoint = new(0, 0);

    protected override bool HasFakeTime => true;

    private static CancellationToken Token => TestContext.CurrentContext.CancellationToken;

    private string Users => Path.Combine(_directory, "users");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-admin-").FullName;
        _endpoint = new(IPAddress.Loopback, LoopbackPorts.Take());
        var end = Time!.GetUtcNow().AddDays(90);
        File.WriteAllLines(Users,
        [
            "# users", s_alice, s_bob, $"{AdminUser.WithToken("monitor", AdminRole.View, end, out _viewToken)}",
            $"{AdminUser.WithToken("robot", AdminRole.Operate, end, out _operateToken)}",
            $"{AdminUser.WithToken("short", AdminRole.Operate, Time.GetUtcNow().AddSeconds(100), out _shortToken)}",
        ]);
        File.SetUnixFileMode(Users, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return options with
        {
            Control = new() { AdminEndpoints = [_endpoint], AdminUsersFile = Users, AdminHosts = ["shield.example.com"] },
        };
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task LogIn_WithThePassword_GivesACookieAndATokenThatChangeSomething()
    {
        var login = await LogInAsync("alice", Password);
        Assert.That(login.Status, Is.EqualTo(200), login.Body);
        Assert.That(login.SetCookie, Does.Match("^__Host-smtpshield=[0-9a-f]{64}; Path=/; Max-Age=28800; Secure; HttpOnly; SameSite=Strict$"));

        var answer = await ChangeAsync(login);

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        Assert.That(JsonDocument.Parse(answer.Body).RootElement.GetProperty("exemptions")[0].GetProperty("by").GetString(), Is.EqualTo("alice from 127.0.0.1"));
        Assert.That(Shield.Log.Lines, Has.Some.Match(@"^control: allow 192\.0\.2\.0/24 by alice from 127\.0\.0\.1: exempt until "));
        Assert.That(Shield.Log.Lines, Has.Some.EqualTo("control: alice has logged in from 127.0.0.1"));
    }

    // Whoever asks over TCP need not say from where.
    // What the kernel does is the helper's to say, which asks on the control socket.
    [Test]
    public async Task Firewall_OfAnOperatorOverTcp_IsForbidden()
    {
        var answer = await AskAsync(
            "POST", "/v1/firewall", """{"process":1,"auto":1,"manual":1}""", ("Content-Type", "application/json"), Bearer(_operateToken));
        Assert.That(answer.Status, Is.EqualTo(403), answer.Body);
        Assert.That((await AskAsync("GET", "/v1/status", null, Bearer(_operateToken))).Body, Does.Contain("\"bans\":{").And.Not.Contain("\"kernel\""));
    }

    [Test]
    [Property("Operations", "OPS-23")]
    public async Task Ban_ThatCoversWhoAsks_IsRefused()
    {
        var answer = await AskAsync("POST", "/v1/bans", """{"prefix":"127.0.0.0/16"}""", ("Content-Type", "application/json"), Bearer(_operateToken));

        Assert.That(answer.Status, Is.EqualTo(409), answer.Body);
        Assert.That(answer.Body, Does.Contain("you are logged in from 127.0.0.1 in it"));
    }

    // Each piece alone is asked for: without it nothing is changed.
    [TestCase("cookie", 401)]
    [TestCase("token", 403)]
    [TestCase("other token", 403)]
    [TestCase("origin", 403)]
    [TestCase("other origin", 403)]
    [TestCase("null origin", 403)]
    [TestCase("cross-site", 403)]
    [TestCase("same-site", 403)]
    [TestCase("form", 415)]
    [TestCase("text", 415)]
    [Property("Operations", "OPS-40")]
    public async Task Change_WithoutOnePiece_ChangesNothing(string piece, int status)
    {
        var login = await LogInAsync("alice", Password);

        var answer = await ChangeAsync(login, piece);

        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
        Assert.That(await CountAsync(), Is.Zero);
    }

    [Test]
    [Property("Operations", "OPS-40")]
    public async Task LogIn_ByAPageOfAnotherOrigin_IsRefused()
    {
        var answer = await AskAsync("POST", "/v1/session", Credentials("alice", Password), ("Origin", "https://evil.example"));
        Assert.That((answer.Status, answer.SetCookie), Is.EqualTo((403, "")));
        answer = await AskAsync("POST", "/v1/session", Credentials("alice", Password), ("Content-Type", "text/plain"));
        Assert.That((answer.Status, answer.SetCookie), Is.EqualTo((415, "")));
    }

    [TestCase("evil.example", 421)]
    [TestCase("127.0.0.1.evil.example", 421)]
    [TestCase("192.0.2.1", 421)]
    [TestCase("shield.example.com.evil.example", 421)]
    [TestCase("localhost", 200)]
    [TestCase("127.0.0.1", 200)]
    [TestCase("SHIELD.example.com:8425", 200)]
    [Property("Operations", "OPS-41")]
    public async Task Host_OfARequest_MustBeTheShieldsOwn(string host, int status)
    {
        var answer = await AskAsync("GET", "/v1/session", null, ("Host", host), Bearer(_operateToken));
        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task Endpoints_ByEachRole_AreForThoseWhoMay()
    {
        var login = await LogInAsync("bob", Password);
        (string Who, (string, string)[] Headers)[] all =
        [
            ("nobody", []), ("view", [Bearer(_viewToken)]), ("view", Headers(login)), ("operate", [Bearer(_operateToken)]),
        ];
        var endpoints = Shield.Endpoints.OfType<RouteEndpoint>().SelectMany(static endpoint =>
            endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => (method, Path: endpoint.RoutePattern.RawText!))).ToList();
        Assert.That(endpoints, Has.Count.GreaterThan(15));
        foreach (var (method, path) in endpoints.Where(static endpoint => endpoint.Path != "/v1/events"))
        {
            foreach (var (who, headers) in all)
            {
                // Its own session, which it may end, is another test's.
                if (path == "/v1/session" && method != "GET")
                    continue;
                var resource = path.Replace("{name}", "x", StringComparison.Ordinal).Replace("{address}", "192.0.2.1", StringComparison.Ordinal);
                var answer = await AskAsync(method, resource, method == "GET" ? null : "{}", headers);
                // The helper beside the shield speaks on the control socket.
                var isHelpers = (method, path) == ("POST", "/v1/firewall");
                var expected = who == "nobody" ? 401 : isHelpers || (who == "view" && method != "GET") ? 403 : 0;
                Assert.That(answer.Status, expected > 0 ? Is.EqualTo(expected) : Is.Not.EqualTo(401).And.Not.EqualTo(403),
                    $"{method} {path} by {who}: {answer.Body}");
            }
        }
    }

    [TestCase("limited", true, 200)]
    [TestCase("log", true, 403)]
    [TestCase("limited,log", true, 403)]
    [TestCase("log", false, 200)]
    [Property("Operations", "OPS-42")]
    public async Task Stream_ByARole_HasTheLogOnlyForOperators(string topics, bool isView, int status)
    {
        using var http = Http();
        using var request = Request("GET", $"/v1/events?topics={topics}", null, Bearer(isView ? _viewToken : _operateToken));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task Stream_AfterTenMinutes_EndsSoThatItsReaderShowsAgainWhoHeIs()
    {
        using var http = Http();
        using var request = Request("GET", "/v1/events?topics=stats", null, Bearer(_viewToken));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        var read = response.Content.ReadAsStringAsync(Token);
        Time!.Advance(EventsApi.LongestOverTcp - TimeSpan.FromSeconds(1));
        Assert.That(read.IsCompleted, Is.False);
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(TimeSpan.FromSeconds(1));
                return read.IsCompleted;
            },
            TimeSpan.FromSeconds(30), "it has ended", Token);
        Assert.That(await read, Does.StartWith(": ").And.Not.Contain("event: bye"));
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task LogIn_AfterFiveFailures_IsRefusedForAMinuteWhateverThePasswordIs()
    {
        foreach (var name in new[] { "alice", "nobody", "monitor", "alice", "x" })
        {
            var failed = await LogInAsync(name, "wrong password");
            Assert.That((failed.Status, failed.SetCookie), Is.EqualTo((401, "")));
            Assert.That(failed.Body, Does.Contain("the name or the password is wrong"));
        }

        Time!.Advance(TimeSpan.FromSeconds(59));
        var locked = await LogInAsync("alice", Password);
        Assert.That((locked.Status, locked.RetryAfter), Is.EqualTo((429, "1")));
        Assert.That((await AskAsync("GET", "/v1/status", null, Bearer(_viewToken))).Status, Is.EqualTo(200), "a token that is right is no guess");
        Assert.That((await AskAsync("GET", "/v1/status", null, Bearer("wrong"))).Status, Is.EqualTo(429), "one that is wrong is");

        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That((await LogInAsync("alice", Password)).Status, Is.EqualTo(200));
        Assert.That(Shield.Log.Lines.Count(static line => line.StartsWith("control: no log-in for ", StringComparison.Ordinal)), Is.EqualTo(1), "one a second");
    }

    [TestCase(29, true)]
    [TestCase(30, false)]
    [Property("Operations", "OPS-42")]
    public async Task Session_ThatIsIdle_EndsAfterHalfAnHour(int minutes, bool lives)
    {
        var login = await LogInAsync("alice", Password);
        Time!.Advance(TimeSpan.FromMinutes(minutes));
        Assert.That((await AskAsync("GET", "/v1/status", null, Headers(login))).Status, Is.EqualTo(lives ? 200 : 401));
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task Session_HoweverItIsUsed_EndsAfterEightHours()
    {
        var login = await LogInAsync("alice", Password);
        for (var quarter = 1; quarter < 32; quarter++)
        {
            Time!.Advance(TimeSpan.FromMinutes(15));
            Assert.That((await AskAsync("GET", "/v1/session", null, Headers(login))).Status, Is.EqualTo(200), $"{quarter}");
        }

        Time!.Advance(TimeSpan.FromMinutes(15));
        Assert.That((await AskAsync("GET", "/v1/session", null, Headers(login))).Status, Is.EqualTo(401));
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task Session_AfterLogOut_IsOver()
    {
        var login = await LogInAsync("bob", Password);
        var answer = await AskAsync("DELETE", "/v1/session", "", Headers(login));
        Assert.That((answer.Status, answer.SetCookie.Contains("Max-Age=0", StringComparison.Ordinal)), Is.EqualTo((200, true)), answer.Body);
        Assert.That((await AskAsync("GET", "/v1/status", null, Headers(login))).Status, Is.EqualTo(401));
    }

    [TestCase(99, 200)]
    [TestCase(100, 401)]
    [Property("Operations", "OPS-42")]
    public async Task Token_AtItsEnd_IsNone(int seconds, int status)
    {
        Time!.Advance(TimeSpan.FromSeconds(seconds));
        Assert.That((await AskAsync("GET", "/v1/status", null, Bearer(_shortToken))).Status, Is.EqualTo(status));
    }

    [Test]
    [Property("Operations", "OPS-42")]
    public async Task UsersFile_WhenALineGoesOrOthersMayRead_LetsNobodyIn()
    {
        var login = await LogInAsync("alice", Password);
        await File.WriteAllLinesAsync(Users, [s_bob], Token);
        Time!.Advance(TimeSpan.FromSeconds(1));
        Assert.That((await AskAsync("GET", "/v1/status", null, Headers(login))).Status, Is.EqualTo(401));
        var other = await LogInAsync("bob", Password);
        Assert.That(other.Status, Is.EqualTo(200));

        File.SetUnixFileMode(Users, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That((await AskAsync("GET", "/v1/status", null, Headers(other))).Status, Is.EqualTo(401));
        Assert.That(Shield.Log.Lines, Has.Some.Contain("shield_admin_users_file: others may read or write it, so nobody can log in"));
    }

    [TestCase("/v1/status", true)]
    [TestCase("/v1/status", false)]
    [TestCase("/nowhere", true)]
    public async Task Headers_OfEachAnswer_KeepBrowsersSafe(string path, bool isKnown)
    {
        var answer = await AskAsync("GET", path, null, isKnown ? [Bearer(_viewToken)] : []);
        Assert.Multiple(() =>
        {
            Assert.That(answer.Headers("Content-Security-Policy"), Does.StartWith("default-src 'none'; script-src 'self';")
                .And.Contain("frame-ancestors 'none'").And.EndsWith("require-trusted-types-for 'script'"));
            Assert.That(answer.Headers("X-Content-Type-Options"), Is.EqualTo("nosniff"));
            Assert.That(answer.Headers("Referrer-Policy"), Is.EqualTo("no-referrer"));
            Assert.That(answer.Headers("Cache-Control"), Is.EqualTo("no-store"));
            Assert.That(answer.Headers("Server"), Is.Empty);
        });
    }

    [Test]
    [Property("Operations", "OPS-45")]
    public async Task Answers_OfAllThatCanBeAsked_HaveNoSecretOfAUsers()
    {
        var login = await LogInAsync("alice", Password);
        await ChangeAsync(login);
        var text = new StringBuilder();
        foreach (var endpoint in Shield.Endpoints.OfType<RouteEndpoint>().Where(static endpoint =>
            endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Contains("GET") && endpoint.RoutePattern.RawText != "/v1/events"))
        {
            text.Append((await AskAsync("GET", endpoint.RoutePattern.RawText!.Replace("{address}", "192.0.2.1", StringComparison.Ordinal), null,
                Bearer(_operateToken))).Body);
        }

        text.AppendJoin('\n', Shield.Log.Lines);
        string[] secrets = [Password, _operateToken, _viewToken, login.Token, login.Cookie.Split('=')[1], .. s_alice.Split(' ')[4..]];
        Assert.That(secrets.Where(secret => text.ToString().Contains(secret, StringComparison.Ordinal)), Is.Empty);
    }

    private static string Fast(string name, AdminRole role)
    {
        const int Rounds = 100_000;
        var salt = new byte[16];
        return $"{new AdminUser(name, role, Rounds, salt, System.Security.Cryptography.Rfc2898DeriveBytes.Pbkdf2(
            Password, salt, Rounds, System.Security.Cryptography.HashAlgorithmName.SHA256, 32), DateTimeOffset.MaxValue)}";
    }

    private Task<Answer> LogInAsync(string name, string password) =>
        AskAsync("POST", "/v1/session", Credentials(name, password));

    private Task<Answer> ChangeAsync(Answer login, string piece = "")
    {
        var headers = new Dictionary<string, string>
        {
            ["Cookie"] = login.Cookie,
            ["X-Shield-Token"] = login.Token,
            ["Origin"] = $"http://{_endpoint}",
            ["Sec-Fetch-Site"] = "same-origin",
        };
        switch (piece)
        {
            case "cookie":
                headers.Remove("Cookie");
                break;
            case "token":
                headers.Remove("X-Shield-Token");
                break;
            case "other token":
                headers["X-Shield-Token"] = new string('0', 64);
                break;
            case "origin":
                headers.Remove("Origin");
                break;
            case "other origin":
                headers["Origin"] = "https://evil.example";
                break;
            case "null origin":
                headers["Origin"] = "null";
                break;
            case "cross-site" or "same-site":
                headers["Sec-Fetch-Site"] = piece;
                break;
            case "form":
                headers["Content-Type"] = "application/x-www-form-urlencoded";
                break;
            case "text":
                headers["Content-Type"] = "text/plain";
                break;
        }

        return AskAsync("POST", "/v1/exemptions", Exemption, [.. headers.Select(static header => (header.Key, header.Value))]);
    }

    private async Task<int> CountAsync() => JsonDocument.Parse(
        (await AskAsync("GET", "/v1/exemptions", null, Bearer(_viewToken))).Body).RootElement.GetProperty("total").GetInt32();

    private (string, string)[] Headers(Answer login) =>
        [("Cookie", login.Cookie), ("X-Shield-Token", login.Token), ("Origin", $"http://{_endpoint}")];

    private static (string, string) Bearer(string token) => ("Authorization", $"Bearer {token}");

    private static string Credentials(string name, string password) => $$"""{"name":"{{name}}","password":"{{password}}"}""";

    private async Task<Answer> AskAsync(
        string method, string path, string? json, params (string Name, string Value)[] headers)
    {
        using var http = Http();
        using var request = Request(method, path, json, headers);
        using var response = await http.SendAsync(request, Token);
        return new(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(Token),
            name => string.Join(", ", response.Headers.Concat(response.Content.Headers).Where(header => header.Key == name)
                .SelectMany(static header => header.Value)));
    }

    private HttpRequestMessage Request(string method, string path, string? json, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"http://{_endpoint}{path}");
        if (json is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json));
            request.Content.Headers.TryAddWithoutValidation(
                "Content-Type", headers.FirstOrDefault(static header => header.Name == "Content-Type").Value ?? "application/json");
        }

        foreach (var (name, value) in headers.Where(static header => header.Name != "Content-Type"))
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private static HttpClient Http() => new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });

    private sealed partial record Answer(int Status, string Body, Func<string, string> Headers)
    {
        public string SetCookie => Headers("Set-Cookie");

        public string Cookie => CookiePattern().Match(SetCookie).Value;

        public string RetryAfter => Headers("Retry-After");

        public string Token => JsonDocument.Parse(Body).RootElement.GetProperty("token").GetString()!;

        [GeneratedRegex("^[^;]+")]
        private static partial Regex CookiePattern();
    }
}
