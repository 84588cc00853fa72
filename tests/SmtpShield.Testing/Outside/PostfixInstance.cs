using System.Globalization;
using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>
/// A real Postfix of the test's own: own configuration, queue, log and ports on loopback; the system's instance is not touched.
/// It accepts mail for some recipients of <c>example.test</c> and stores it in maildirs, relays for nobody, and knows no client.
/// </summary>
public sealed class PostfixInstance : IAsyncDisposable
{
    /// <summary>Its <c>myhostname</c>; shields in front of it have the same, so that replies can be equal.</summary>
    public const string HostName = "mail.example.test";

    private const string DirectoryPrefix = "smtpshield-postfix-";
    private const int MailOwner = 65534;
    private static readonly Lazy<bool> s_abandonedAreStopped = new(StopAbandoned);
    private static readonly Lazy<Task<string>> s_prepared = new(PrepareAsync);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly Dictionary<string, (PostfixService Service, int Port)> _services;
    private readonly string _directory;
    private readonly IReadOnlyDictionary<string, string> _parameters;
    private readonly EventHandler _onExit;
    private readonly LogFile _log;

    private PostfixInstance(string directory, Dictionary<string, (PostfixService, int)> services, IReadOnlyDictionary<string, string> parameters)
    {
        _directory = directory;
        _services = services;
        _parameters = parameters;
        _log = new LogFile(LogPath);
        _onExit = (_, _) => KillLeftOvers();
        AppDomain.CurrentDomain.ProcessExit += _onExit;
    }

    /// <summary>Why no Postfix can run here, or <see langword="null"/>.</summary>
    public static string? Missing =>
        !OutsideProcess.IsInstalled("postfix") ? "Postfix is not installed (tests/run installs it when it runs as root)"
        : Environment.UserName != "root" ? "Postfix can only be started by root"
        : null;

    /// <summary>The log of all its processes.</summary>
    public string LogPath => Path.Combine(_directory, "log", "maillog");

    /// <summary>Where its main.cf is.</summary>
    public string ConfigurationDirectory => Path.Combine(_directory, "etc");

    /// <summary>The processes that may take a connection: each smtpd(8), and master(8), which starts another one.</summary>
    public IEnumerable<int> AcceptingProcesses() => Processes().Where(process => process.Name is "smtpd" or "master").Select(process => process.Id);

    /// <summary>All its processes.</summary>
    public IEnumerable<int> ProcessIds() => Processes().Select(static process => process.Id);

    /// <summary>Starts an instance with these services; <paramref name="parameters"/> are for its main.cf.</summary>
    public static async Task<PostfixInstance> StartAsync(
        IEnumerable<PostfixService> services, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? parameters = null)
    {
        _ = s_abandonedAreStopped.Value;
        var ports = services.ToDictionary(service => service.Name, service => (service, LoopbackPorts.Take()));
        var directory = Directory.CreateTempSubdirectory($"{DirectoryPrefix}{Environment.ProcessId}-").FullName;
        var instance = new PostfixInstance(directory, ports, parameters ?? new Dictionary<string, string>());
        try
        {
            await OutsideProcess.RunSuccessfullyAsync("cp", ["-a", $"{await s_prepared.Value.WaitAsync(cancellationToken)}/.", directory],
                s_limit, cancellationToken);
            await instance.StartAgainAsync(cancellationToken);
            return instance;
        }
        catch
        {
            await instance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a service listens.</summary>
    public IPEndPoint EndPointOf(string service) => new(IPAddress.Loopback, _services[service].Port);

    /// <summary>What a service's smtpd processes have logged; from the beginning of the file.</summary>
    public MailLog LogOf(string service) => LogOfName(_services[service].Service.SyslogName);

    /// <summary>The same for what logs under this <c>syslog_name</c>.</summary>
    public MailLog LogOfName(string syslogName) => new(_log, syslogName);

    /// <summary>The directory in which a recipient's messages are stored, one file each.</summary>
    public string MailboxOf(string recipient) => Path.Combine(_directory, "mail", recipient, "new");

    /// <summary>The files of a recipient's messages.</summary>
    public IReadOnlyList<string> MessagesOf(string recipient) => Directory.Exists(MailboxOf(recipient)) ? Directory.GetFiles(MailboxOf(recipient)) : [];

    /// <summary>Waits until a recipient has this many messages.</summary>
    public async Task<IReadOnlyList<string>> WaitForMessagesAsync(string recipient, int count, TimeSpan limit, CancellationToken cancellationToken)
    {
        await Eventually.TryAsync(() => MessagesOf(recipient).Count >= count, limit, cancellationToken);
        return MessagesOf(recipient);
    }

    /// <summary>Waits until all it has accepted is delivered or bounced: after that no message comes any more.</summary>
    public Task WaitForEmptyQueueAsync(CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(
            () => !new[] { "maildrop", "incoming", "active", "deferred" }
                .Any(queue => Directory.EnumerateFiles(Path.Combine(_directory, "queue", queue), "*", SearchOption.AllDirectories).Any(IsAccepted)),
            s_limit,
            "the queue is empty",
            cancellationToken);

    /// <summary>Forgets all counters: anvil(8) is started anew, as with each <c>postfix reload</c>.</summary>
    public Task ReloadAsync(CancellationToken cancellationToken) => ControlAsync("reload", cancellationToken);

    /// <summary>Ends all its processes at once, as when the machine fails. What it has accepted is in its queue.</summary>
    public Task KillAsync(CancellationToken cancellationToken) => EndAsync(KillLeftOvers, cancellationToken);

    /// <summary>Stops it in order, as <c>postfix stop</c> does.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => EndAsync(TerminateMaster, cancellationToken);

    /// <summary>Starts it where it is not running, on the same ports.</summary>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="changes">What its main.cf has besides, or instead of, what it was first started with.</param>
    public async Task StartAgainAsync(CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? changes = null)
    {
        var parameters = _parameters.ToDictionary();
        foreach (var (name, value) in changes ?? new Dictionary<string, string>())
            parameters[name] = value;
        await WriteConfigurationAsync(parameters, cancellationToken);
        // postfix-script(1) looks for it, and starts what was checked without a check.
        await File.WriteAllTextAsync(Path.Combine(_directory, "queue", "quick-start"), "", cancellationToken);
        await ControlAsync("start", cancellationToken);
        await Eventually.HoldsAsync(() => LoopbackPorts.AreListening([.. _services.Values.Select(service => service.Port)]), s_limit,
            "Postfix listens on all its ports", cancellationToken);
    }

    /// <summary>Lets all its processes stand still, with SIGSTOP: the kernel goes on taking what is sent to them.</summary>
    public void StandStill() => SignalAll(OutsideProcess.Stop);

    /// <summary>Lets them go on.</summary>
    public void GoOn() => SignalAll(OutsideProcess.Continue);

    /// <summary>Ends the processes that serve clients at this moment, at once, as when they crash.</summary>
    public void KillServers()
    {
        foreach (var (id, name) in Processes().Where(process => process.Name == "smtpd"))
            OutsideProcess.Signal(id, 9);
    }

    /// <summary>Stops it and removes all it had.</summary>
    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= _onExit;
        TerminateMaster();
        await Eventually.TryAsync(() => !Processes().Any(), TimeSpan.FromSeconds(5), CancellationToken.None);
        KillLeftOvers();
        Directory.Delete(_directory, recursive: true);
    }

    // A test host that was killed could not stop its Postfix: the next one does, once. Others may do so at the same time, and what was
    // killed may still write its last.
    private static bool StopAbandoned()
    {
        foreach (var directory in Directory.GetDirectories(Path.GetTempPath(), DirectoryPrefix + "*"))
        {
            var owner = Path.GetFileName(directory)[DirectoryPrefix.Length..].Split('-')[0];
            if (Directory.Exists("/proc/" + owner))
                continue;
            foreach (var (id, _) in Processes(directory))
                OutsideProcess.Signal(id, 9);
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (IOException)
            {
                // What is left of it is the next run's.
            }
        }
        return true;
    }

    // All processes of an instance work in its queue directory.
    private static IEnumerable<(int Id, string Name)> Processes(string directory)
    {
        var queue = Path.Combine(directory, "queue");
        foreach (var process in Directory.GetDirectories("/proc").Where(path => char.IsDigit(Path.GetFileName(path)[0])))
        {
            string name;
            try
            {
                if (Directory.ResolveLinkTarget(process + "/cwd", returnFinalTarget: false)?.FullName != queue)
                    continue;
                name = File.ReadAllText(process + "/comm").Trim();
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                continue; // It has just ended.
            }
            yield return (int.Parse(Path.GetFileName(process), null), name);
        }
    }

    private IEnumerable<(int Id, string Name)> Processes() => Processes(_directory);

    private void KillLeftOvers() => SignalAll(9);

    private void SignalAll(int signal)
    {
        foreach (var (id, _) in Processes())
            OutsideProcess.Signal(id, signal);
    }

    // What "postfix stop" does, without its wait of a second.
    private void TerminateMaster()
    {
        foreach (var (id, _) in Processes().Where(process => process.Name == "master"))
            OutsideProcess.Signal(id, OutsideProcess.Terminate);
    }

    // Again and again: one that has just been started was not seen.
    private Task EndAsync(Action end, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        () =>
        {
            end();
            return !Processes().Any();
        },
        s_limit,
        "no process of Postfix is left",
        cancellationToken);

    // cleanup(8) makes a file executable when all of it is there, and says so only then; what is not stays in the queue when cleanup was killed.
    private static bool IsAccepted(string queueFile)
    {
        try
        {
            return !OperatingSystem.IsWindows() && File.GetUnixFileMode(queueFile).HasFlag(UnixFileMode.UserExecute);
        }
        catch (IOException)
        {
            return true; // It has moved: look again.
        }
    }

    // All that instances have in common, made once a run: to let Postfix make and check its queue's directories takes most of the time in which it starts.
    private static async Task<string> PrepareAsync()
    {
        var directory = Directory.CreateTempSubdirectory($"{DirectoryPrefix}{Environment.ProcessId}-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        foreach (var name in new[] { "etc", "queue", "data", "mail", "log" })
            Directory.CreateDirectory(Path.Combine(directory, name));
        await OutsideProcess.RunSuccessfullyAsync("chmod", ["755", directory], s_limit, CancellationToken.None);
        await OutsideProcess.RunSuccessfullyAsync("chown", ["postfix", Path.Combine(directory, "data")], s_limit, CancellationToken.None);
        await OutsideProcess.RunSuccessfullyAsync("chown", [$"{MailOwner}:{MailOwner}", Path.Combine(directory, "mail")], s_limit, CancellationToken.None);

        string[] recipients = ["good", "other", "third", .. Enumerable.Range(0, 1000).Select(number => $"box{number}")];
        await File.WriteAllLinesAsync(Path.Combine(directory, "etc", "recipients"), recipients.Select(name => $"{name}@example.test {name}/"));
        await File.WriteAllTextAsync(
            Path.Combine(directory, "etc", "recipient-access"),
            """
            later@example.test    450 4.7.1 Try again later
            hangup@example.test   421 4.7.1 Go away for now
            drop@example.test     521 5.7.1 Go away
            """ + "\n");
        await File.WriteAllTextAsync(Path.Combine(directory, "etc", "body-checks"), "/^REFUSE-THIS-BODY/ REJECT Not this body\n");

        await File.WriteAllTextAsync(Path.Combine(directory, "etc", "main.cf"),
            $"compatibility_level = 3.6\nqueue_directory = {directory}/queue\ndata_directory = {directory}/data\n");
        await File.WriteAllTextAsync(Path.Combine(directory, "etc", "master.cf"), "");
        await OutsideProcess.RunSuccessfullyAsync("postfix", ["-c", Path.Combine(directory, "etc"), "check"], s_limit, CancellationToken.None);
        return directory;
    }

    private Task<string> ControlAsync(string command, CancellationToken cancellationToken) =>
        OutsideProcess.RunSuccessfullyAsync("postfix", ["-c", Path.Combine(_directory, "etc"), command], s_limit, cancellationToken);

    private async Task WriteConfigurationAsync(IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(
            Path.Combine(_directory, "etc", "main.cf"),
            $"""
            compatibility_level = 3.6
            queue_directory = {_directory}/queue
            data_directory = {_directory}/data
            maillog_file = {_directory}/log/maillog
            maillog_file_prefixes = {_directory}/log
            myhostname = {HostName}
            mydestination =
            mynetworks = 127.255.255.254/32
            inet_interfaces = loopback-only
            inet_protocols = ipv4
            alias_maps =
            alias_database =
            local_recipient_maps =
            relay_domains =
            virtual_mailbox_domains = example.test
            virtual_mailbox_maps = texthash:{_directory}/etc/recipients
            virtual_mailbox_base = {_directory}/mail
            virtual_mailbox_limit = 0
            virtual_uid_maps = static:{MailOwner}
            virtual_gid_maps = static:{MailOwner}
            message_size_limit = 209715200
            smtpd_peername_lookup = no
            smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
            smtpd_recipient_restrictions = check_recipient_access texthash:{_directory}/etc/recipient-access
            body_checks = regexp:{_directory}/etc/body-checks
            local_header_rewrite_clients =
            anvil_rate_time_unit = 600s
            max_idle = 20s
            postlogd_watchdog_timeout = 1000s

            """ + string.Concat(parameters.Select(parameter => $"{parameter.Key} = {parameter.Value}\n")),
            cancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(_directory, "etc", "master.cf"),
            """
            postlog unix-dgram n - n - 1 postlogd
            pickup unix n - n 60 1 pickup
            cleanup unix n - n - 0 cleanup
            qmgr unix n - n 300 1 qmgr
            rewrite unix - - n - - trivial-rewrite
            bounce unix - - n - 0 bounce
            defer unix - - n - 0 bounce
            trace unix - - n - 0 bounce
            verify unix - - n - 1 verify
            flush unix n - n 1000? 0 flush
            proxymap unix - - n - - proxymap
            error unix - - n - - error
            retry unix - - n - - error
            discard unix - - n - - discard
            virtual unix - n n - - virtual
            smtp unix - - n - - smtp
            smtps unix - - n - - smtp -o smtp_tls_wrappermode=yes
            anvil unix - - n - 1 anvil
            tlsmgr unix - - n 1000? 1 tlsmgr

            """ + string.Concat(_services.Values.Select(entry => MasterEntry(entry.Service, entry.Port))),
            cancellationToken);
    }

    private static string MasterEntry(PostfixService service, int port) =>
        $"127.0.0.1:{port} inet n - n - {service.ProcessLimit?.ToString(CultureInfo.InvariantCulture) ?? "-"} smtpd\n -o syslog_name={service.SyslogName}\n"
        + string.Concat(service.Parameters.Select(parameter => $" -o {{ {parameter.Key} = {parameter.Value} }}\n"));
}
