using System.Net;
using System.Text.Json;

namespace SmtpShield.Testing.Outside;

/// <summary>The program itself, started as a user does: a main.cf and <c>smtpshield run -c FILE</c>.</summary>
public sealed class ShieldProcess : IAsyncDisposable
{
    /// <summary>The value that leaves a parameter out of main.cf, for the program's own default.</summary>
    public const string OwnDefault = "\0";

    private const string Listen = "shield_listen";
    private readonly string _directory;
    private readonly OutsideProcess _process;
    private readonly List<int> _successors = [];
    private readonly LogFile _log;

    private ShieldProcess(string directory, OutsideProcess process, IPEndPoint endPoint, string syslogName)
    {
        _directory = directory;
        _process = process;
        _log = new LogFile(LogPath);
        EndPoint = endPoint;
        Log = LogOf(syslogName);
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What its sessions logged.</summary>
    public MailLog Log { get; }

    /// <summary>Its <c>maillog_file</c>.</summary>
    public string LogPath => System.IO.Path.Combine(_directory, "maillog");

    /// <summary>Its configuration file.</summary>
    public string MainCf => System.IO.Path.Combine(_directory, "main.cf");

    /// <summary>Its control socket, unless a test has named another.</summary>
    public string ControlSocket => System.IO.Path.Combine(_directory, "control.sock");

    /// <summary>All it has logged and printed so far.</summary>
    public string AllLines => (File.Exists(LogPath) ? File.ReadAllText(LogPath) : "") + _process.Output;

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit status, once it has ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What the sessions of one service logged.</summary>
    /// <param name="syslogName">The service's <c>syslog_name</c>.</param>
    public MailLog LogOf(string syslogName) => new(_log, syslogName);

    /// <summary>Starts one with many services, each before an MTA of its own, and waits until all listen.</summary>
    /// <param name="services">The services, with where each listens.</param>
    /// <param name="parameters">What all services have besides the test's own values, or instead of them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static Task<ShieldProcess> StartAsync(
        IReadOnlyDictionary<ShieldService, IPEndPoint> services, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken) =>
        StartAsync(
            services.Keys.First().Upstream,
            parameters
                .Append(new("shield_services", string.Join(' ', services.Keys.Select(service => service.Name))))
                .Append(new(Listen, OwnDefault))
                .Concat(services.SelectMany(service => service.Key.MainCf(service.Value)))
                .ToDictionary(),
            cancellationToken);

    /// <summary>Starts it before an MTA and waits until it listens.</summary>
    /// <param name="upstream">The MTA.</param>
    /// <param name="parameters">What main.cf has besides the test's own values, or instead of them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="under">A command that starts it in other surroundings and becomes it, with its arguments: <c>ip netns exec NAME</c>.</param>
    public static async Task<ShieldProcess> StartAsync(
        IPEndPoint upstream, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken, IReadOnlyList<string>? under = null)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-test-").FullName;
        var all = new Dictionary<string, string>
        {
            [Listen] = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take()).ToString(),
            ["shield_upstream"] = upstream.ToString(),
            ["myhostname"] = PostfixInstance.HostName,
            // The default is this host, from which all clients of a test come.
            ["mynetworks"] = "127.255.255.254/32",
            ["maillog_file"] = System.IO.Path.Combine(directory, "maillog"),
            ["syslog_name"] = "smtpshield",
            ["anvil_rate_time_unit"] = "600s",
            // As Postfix, which logs all: all clients of a test have one address.
            ["shield_log_client_limit"] = "0",
            ["shield_control_socket"] = System.IO.Path.Combine(directory, "control.sock"),
            ["shield_state_directory"] = "",
            ["shield_transport"] = TestTransport.Name,
        };
        foreach (var (name, value) in parameters)
            all[name] = value;
        await WriteAsync(System.IO.Path.Combine(directory, "main.cf"), all, cancellationToken);

        IPEndPoint[] endPoints =
        [
            .. all.Where(parameter => parameter.Value != OwnDefault
                && (parameter.Key == Listen || parameter.Key.EndsWith("/" + Listen, StringComparison.Ordinal)))
                .SelectMany(parameter => parameter.Value.Split(", ")).Select(IPEndPoint.Parse),
        ];
        string[] command = [.. under ?? [], .. ShieldProgram.Command, "run", "-c", System.IO.Path.Combine(directory, "main.cf")];
        var process = OutsideProcess.Start(command[0], command[1..], directory);
        var shield = new ShieldProcess(directory, process, endPoints[0], all["syslog_name"]);
        await Eventually.TryAsync(() => process.HasExited || (IsListening(process.Id, endPoints) && shield.HasLoggedItsStart(all["maillog_file"])),
            TimeSpan.FromSeconds(30), cancellationToken);
        if (!process.HasExited && IsListening(process.Id, endPoints))
            return shield;
        // What it has said last is read behind its end.
        if (process.HasExited)
            await process.WaitForExitAsync(TimeSpan.FromSeconds(30), cancellationToken);
        var why = process.HasExited ? $"exited with {process.ExitCode}" : "does not listen";
        var lines = shield.AllLines;
        await shield.DisposeAsync();
        throw new InvalidOperationException($"The shield {why}:\n{lines}");
    }

    // The log is written behind what is logged: with this line all that was said before is there.
    private bool HasLoggedItsStart(string log) => log != LogPath || AllLines.Contains("daemon started -- version ", StringComparison.Ordinal);

    /// <summary>Saves other parameters to its configuration file, by replacing the file as editors do.</summary>
    public async Task SaveAsync(IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var all = (await File.ReadAllLinesAsync(MainCf, cancellationToken))
            .Select(line => line.Split(" = ", 2)).Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1]);
        foreach (var (name, value) in parameters)
            all[name] = value;
        await WriteAsync(MainCf + ".new", all, cancellationToken);
        File.Move(MainCf + ".new", MainCf, overwrite: true);
    }

    /// <summary>Asks whoever answers at its control socket for an upgrade, and ends the process that has taken over with this one.</summary>
    /// <returns>The status code, the body, and the process that serves clients now.</returns>
    public async Task<(int Status, string Body, int Process)> UpgradeAsync(CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(ControlSocket, HttpMethod.Post, "/v1/upgrade", cancellationToken, "{}");
        if (status != 200)
            return (status, body, 0);
        var process = JsonDocument.Parse(body).RootElement.GetProperty("process").GetInt32();
        AddSuccessor(process);
        return (status, body, process);
    }

    /// <summary>A process that has taken over from it: it ends with this one.</summary>
    public void AddSuccessor(int process) => _successors.Add(process);

    /// <summary>Waits until the processes that have taken over have ended, which are told to.</summary>
    public Task StopSuccessorsAsync(CancellationToken cancellationToken)
    {
        foreach (var process in _successors)
            OutsideProcess.Signal(process, OutsideProcess.Terminate);
        return Eventually.HoldsAsync(
            () => _successors.TrueForAll(static process => !IsAlive(process)), TimeSpan.FromSeconds(45), "the successors end", cancellationToken);
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(int signal) => _process.Signal(signal);

    /// <summary>Waits until it has ended and returns its exit status.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(limit, cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGTERM, waits, and throws unless it ends with exit status 0.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!_process.HasExited)
            _process.Signal(OutsideProcess.Terminate);
        await _process.WaitForExitAsync(TimeSpan.FromSeconds(45), cancellationToken);
        if (_process.ExitCode != 0)
            throw new InvalidOperationException($"The shield ended with exit status {_process.ExitCode}:\n{AllLines}");
    }

    /// <summary>The sockets it has, without those that listen: the connections it did not close.</summary>
    public IReadOnlyList<string> ConnectedSockets()
    {
        var inodes = InodesOfSockets();
        return
        [
            .. File.ReadLines("/proc/net/tcp").Skip(1).Concat(File.ReadLines("/proc/net/tcp6").Skip(1))
                .Select(line => (Line: line, Columns: line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
                .Where(entry => entry.Columns[3] != "0A" && inodes.Contains(entry.Columns[9]))
                .Select(entry => entry.Line.Trim()),
        ];
    }

    /// <summary>Connections to its control socket that it has.</summary>
    public int ControlConnections()
    {
        // Num RefCount Protocol Flags Type St Inode Path: St 03 is connected, and an accepted end has the path that was bound.
        var inodes = InodesOfSockets();
        return File.ReadLines("/proc/net/unix").Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Count(columns => columns.Length > 7 && columns[5] == "03" && inodes.Contains(columns[6])
                && columns[7].StartsWith(ControlSocket, StringComparison.Ordinal));
    }

    /// <summary>Connections over TCP that it has accepted at an end point of IPv4 and that are established.</summary>
    public int ConnectionsAt(IPEndPoint endpoint)
    {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode: st 01 is established.
        var inodes = InodesOfSockets();
        var port = $":{endpoint.Port:X4}";
        return File.ReadLines("/proc/net/tcp").Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Count(columns => columns[1].EndsWith(port, StringComparison.Ordinal) && columns[3] == "01" && inodes.Contains(columns[9]));
    }

    /// <summary>A figure of /proc/PID/status in kilobytes, for example <c>VmHWM</c>.</summary>
    public long Status(string name) =>
        long.Parse(File.ReadLines($"/proc/{Id}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal))
            .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], null);

    /// <summary>Ends it if a test has not, and removes its files.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _successors)
            OutsideProcess.Signal(process, OutsideProcess.Kill);
        await _process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    // Whoever takes in orphans may not have looked at one that has ended.
    private static bool IsAlive(int process)
    {
        try
        {
            var status = File.ReadAllText($"/proc/{process}/stat");
            return status[status.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static Task WriteAsync(string path, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken) =>
        File.WriteAllLinesAsync(path, parameters.Where(parameter => parameter.Value != OwnDefault)
            .Select(parameter => $"{parameter.Key} = {parameter.Value}"), cancellationToken);

    // Before the command it is started under becomes it, the network is still that of the test.
    private static bool IsListening(int processId, IReadOnlyCollection<IPEndPoint> endPoints)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline").Split('\0')[0].EndsWith(ShieldProgram.Command[0], StringComparison.Ordinal)
                && LoopbackPorts.AreListening(endPoints, processId);
        }
        catch (IOException)
        {
            return false; // It has ended.
        }
    }

    private HashSet<string> InodesOfSockets() => [.. Directory.GetFiles($"/proc/{Id}/fd").Select(Target)
        .Where(target => target.StartsWith("socket:[", StringComparison.Ordinal)).Select(target => target[8..^1])];

    private static string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name ?? "";
        }
        catch (IOException)
        {
            return ""; // Closed since the directory was read.
        }
    }
}
