using System.Net;
using System.Text.Json;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary>Shields, as processes, that share over real stores, before one MTA that takes everything.</summary>
internal abstract class SharedShieldsFixture
{
    protected const string RateLimit = "smtpd_client_connection_rate_limit";
    protected const string CountLimit = "smtpd_client_connection_count_limit";
    protected const string Password = "between-shields";

    protected static readonly IPAddress s_client = IPAddress.Parse("127.55.0.1");

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(20);

    private readonly List<ShieldProcess> _shields = [];
    private readonly Dictionary<ShieldProcess, IPEndPoint> _metrics = [];
    private readonly List<RawSmtpClient> _clients = [];
    private ScriptedMta _mta = null!;
    private string _directory = "";

    /// <summary>Those that were started.</summary>
    protected IReadOnlyList<ShieldProcess> Shields => _shields;

    /// <summary>The only rights a shield needs, as they are delivered: lines of redis.conf.</summary>
    protected static IEnumerable<string> Users => Repository.Read("deploy/cluster/smtpshield.acl").Replace("PASSWORD", Password, StringComparison.Ordinal)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [SetUp]
    public void StartMta()
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        _directory = Directory.CreateTempSubdirectory("smtpshield-sharing-").FullName;
        _mta = new();
        _mta.Serve(static async connection =>
        {
            await connection.SendAsync("220 mx\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
                await connection.SendAsync(line == "QUIT" ? "221 bye\r\n" : "250 ok\r\n", CancellationToken.None);
            connection.Close();
        });
    }

    [TearDown]
    public async Task StopShields()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        foreach (var shield in _shields)
            await shield.DisposeAsync();
        _clients.Clear();
        _shields.Clear();
        if (_mta is not null)
            await _mta.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Starts a shield.</summary>
    /// <param name="name">What others call it.</param>
    /// <param name="store">Its stores.</param>
    /// <param name="limit">A limit.</param>
    /// <param name="value">Its value.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="mode">How it shares.</param>
    /// <param name="password">With which password it logs in.</param>
    protected async Task StartShieldAsync(
        string name, string store, string limit, string value, CancellationToken cancellationToken, string mode = "async", string password = Password)
    {
        var file = Path.Combine(_directory, name);
        await File.WriteAllTextAsync(file, password + "\n", cancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var metrics = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var shield = await ShieldProcess.StartAsync(
            _mta.EndPoint,
            new Dictionary<string, string>
            {
                [limit] = value,
                ["shield_upstream_connect"] = "connect",
                ["shield_upstream_probe_interval"] = "0",
                ["shield_shared_store"] = store,
                ["shield_shared_user"] = "smtpshield",
                ["shield_shared_password_file"] = file,
                ["shield_shared_name"] = name,
                ["shield_shared_lease"] = "3s",
                ["shield_shared_mode"] = mode,
                ["shield_metrics_listen"] = $"{metrics}",
            },
            cancellationToken);
        _shields.Add(shield);
        _metrics[shield] = metrics;
    }

    /// <summary>The metrics of a shield, as they are now: those that are served may be a second old, and others are read behind them.</summary>
    protected async Task<string> MetricsOfAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        var (first, text) = ("", "");
        do
        {
            text = await client.GetStringAsync(new Uri($"http://{_metrics[shield]}/metrics"), cancellationToken);
            first = first.Length == 0 ? text : first;
            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
        }
        while (text == first);

        return text;
    }

    /// <summary>What a client is greeted with.</summary>
    /// <param name="shield">By whom.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="isHeld">Whether it stays until the test is over.</param>
    /// <param name="client">Its address; null: <see cref="s_client"/>.</param>
    protected async Task<string> GreetingAsync(
        ShieldProcess shield, CancellationToken cancellationToken, bool isHeld = false, IPAddress? client = null)
    {
        var connection = await RawSmtpClient.ConnectAsync(shield.EndPoint, client ?? s_client, cancellationToken);
        var greeting = await connection.ReplyAsync(cancellationToken);
        if (isHeld)
            _clients.Add(connection);
        else
            await connection.DisposeAsync();
        return greeting;
    }

    /// <summary>Waits until a shield has logged something.</summary>
    protected static async Task LogsAsync(ShieldProcess shield, string text, CancellationToken cancellationToken)
    {
        if (!await Eventually.TryAsync(() => shield.AllLines.Contains(text, StringComparison.Ordinal), s_limit, cancellationToken))
            Assert.Fail($"{text} is not in\n{shield.AllLines}");
    }

    /// <summary>Waits until what a shield counts of a client, with all that others do, is as it should be.</summary>
    protected static async Task KnowsAsync(
        ShieldProcess shield, string rule, Func<int, bool> condition, CancellationToken cancellationToken,
        IPAddress? client = null)
    {
        while (true)
        {
            var (status, body) = await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, $"/v1/clients/{client ?? s_client}", cancellationToken);
            if (status == (int)HttpStatusCode.OK)
            {
                var rules = JsonDocument.Parse(body).RootElement.GetProperty("services")[0].GetProperty("rules").EnumerateArray();
                if (rules.Where(one => one.GetProperty("rule").GetString() == rule).Any(one => condition(one.GetProperty("count").GetInt32())))
                    return;
            }

            await Task.Delay(s_rest, TimeProvider.System, cancellationToken);
        }
    }
}
