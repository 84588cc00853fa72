using System.Net;
using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests.Switching;

/// <summary>
/// <c>smtpshield import --apply</c> and <c>--undo</c> with a real Postfix. Whatever fails, Postfix's files are what they were, byte for byte, with owner and
/// mode, and it answers on its port. No systemd runs here: the shield is started by the command that --start names.
/// </summary>
[TestFixture, Category("Postfix"), SupportedOSPlatform("linux"), Parallelizable(ParallelScope.Self)]
public sealed class SwitchoverTests
{
    private const string Service = "smtp";

    // Exists everywhere, and may read no keys.
    private const string User = "nobody";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(150);
    private PostfixInstance? _postfix;
    private string _directory = "";

    private PostfixInstance Postfix => _postfix!;

    private IPEndPoint Door => Postfix.EndPointOf(Service);

    private string Target => Path.Combine(_directory, "smtpshield", "main.cf");

    private string Chain => Path.Combine(_directory, "chain.pem");

    private string PidFile => Path.Combine(_directory, "pid");

    private string MasterCf => Path.Combine(Postfix.ConfigurationDirectory, "master.cf");

    private string Backup => Path.Combine(Postfix.ConfigurationDirectory, "before-smtpshield");


    // As systemd does: it returns when the shield was started, which runs as another user.
    private string Start => $"setpriv --reuid={User} --regid=nogroup --clear-groups env HOME=/ DOTNET_EnableDiagnostics=0 "
        + $"{string.Join(' ', ShieldProgram.Command)} run -c {Target} "
        + $">{_directory}/log 2>&1 </dev/null & echo $! >{PidFile}";

    private string Stop => $"kill $(cat {PidFile})";

    [SetUp]
    public async Task MakeDirectoryAsync()
    {
        RealPostfix.Require();
        _directory = Directory.CreateTempSubdirectory("smtpshield-switch-").FullName;
        File.SetUnixFileMode(_directory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        await File.WriteAllTextAsync(Chain, TestCertificate.Make(PostfixInstance.HostName).Chain);
    }

    [TearDown]
    public async Task StopAllAsync()
    {
        if (File.Exists(PidFile) && int.TryParse(await File.ReadAllTextAsync(PidFile), out var id))
            OutsideProcess.Signal(id, OutsideProcess.Terminate);
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        _postfix = null;
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    private async Task StartPostfixAsync(CancellationToken cancellationToken, params (string Name, string Value)[] parameters)
    {
        _postfix = await PostfixInstance.StartAsync([new PostfixService(Service, new Dictionary<string, string>())], cancellationToken,
            parameters.ToDictionary(item => item.Name, item => item.Value));
        // Neither the owner nor the mode an editor would give it.
        await OutsideProcess.RunSuccessfullyAsync("chown", ["root:postfix", MasterCf], s_limit, cancellationToken);
        File.SetUnixFileMode(MasterCf, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
    }

    private async Task<(int Status, string Output)> ImportAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        var outcome = await ShieldProgram.RunAsync(["import", .. arguments, Postfix.ConfigurationDirectory], s_limit, cancellationToken);
        TestContext.Out.WriteLine($"$ smtpshield import {string.Join(' ', arguments)} {Postfix.ConfigurationDirectory}\n{outcome.Output}");
        if (File.Exists($"{_directory}/log"))
            TestContext.Out.WriteLine(await File.ReadAllTextAsync($"{_directory}/log", cancellationToken));
        return outcome;
    }

    private Task<(int Status, string Output)> ApplyAsync(CancellationToken cancellationToken, string? start = null, params string[] more) =>
        ImportAsync(cancellationToken,
            ["--apply", "-o", Target, .. more.Contains("--user") ? (string[])[] : ["--user", User], "--start", start ?? Start, "--stop", Stop, .. more]);

    private async Task<string> FilesAsync(CancellationToken cancellationToken) => await OutsideProcess.RunSuccessfullyAsync(
        "sh", ["-c", "cd \"$0\" && find . -type f -exec stat -c '%n %a %u:%g %Y' {} + -exec sha256sum {} + | sort", Postfix.ConfigurationDirectory],
        s_limit, cancellationToken);

    private static async Task<string[]> SayAsync(IPEndPoint door, CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(door, IPAddress.Parse("127.85.3.7"), cancellationToken);
        var greeting = await client.ReplyAsync(cancellationToken);
        await client.CommandAsync("EHLO client.example", cancellationToken);
        await client.CommandAsync("MAIL FROM:<a@client.example>", cancellationToken);
        string[] replies =
        [
            greeting, await client.CommandAsync("RCPT TO:<good@example.test>", cancellationToken),
            await client.CommandAsync("RCPT TO:<x@elsewhere.example>", cancellationToken),
        ];
        await client.CommandAsync("QUIT", cancellationToken);
        return [.. replies.Select(reply => reply[..3])];
    }

    // What every failure has to leave.
    private async Task AssertAsBeforeAsync(string files, CancellationToken cancellationToken)
    {
        Assert.That(await FilesAsync(cancellationToken), Is.EqualTo(files));
        Assert.That(Directory.Exists(Path.GetDirectoryName(Target)), Is.False, "what --apply made is gone");
        Assert.That(Directory.Exists(Backup), Is.False, "nothing is left to undo");
        Assert.That(await SayAsync(Door, cancellationToken), Is.EqualTo((string[])["220", "250", "554"]));
        await LogHasAsync(Postfix.LogPath, @"postfix/smtp/smtpd\[\d+\]: disconnect from unknown\[127\.85\.3\.7\] ", cancellationToken);
    }

    private static Task LogHasAsync(string path, string pattern, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(() => Regex.IsMatch(File.ReadAllText(path), pattern), s_limit, pattern, cancellationToken);

    [Test, CancelAfter(300_000)]
    public async Task ApplyAndUndo_Postfix_IsGuardedAndThenAsBefore(CancellationToken cancellationToken)
    {
        File.SetUnixFileMode(Chain, File.GetUnixFileMode(Chain) | UnixFileMode.OtherRead);
        await StartPostfixAsync(cancellationToken, ("smtpd_tls_chain_files", Chain), ("smtpd_tls_security_level", "may"),
            ("smtpd_client_connection_rate_limit", "20"));
        var files = await FilesAsync(cancellationToken);

        var (status, output) = await ApplyAsync(cancellationToken);

        Assert.That(status, Is.Zero, output);
        Assert.That(output, Does.Contain("a stranger's mail to elsewhere is refused: 554 5.7.1 <relay-test@elsewhere.example>: Relay access denied"));
        Assert.That(await SayAsync(Door, cancellationToken), Is.EqualTo((string[])["220", "250", "554"]));
        await LogHasAsync(Postfix.LogPath, @"shielded/[^ ]*smtpd\[\d+\]: \w+: reject: RCPT from unknown\[127\.85\.3\.7\]", cancellationToken);
        await LogHasAsync($"{_directory}/log", @"connect from unknown\[127\.85\.3\.7\]", cancellationToken);
        Assert.That(File.GetUnixFileMode(MasterCf), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead));

        (status, output) = await ApplyAsync(cancellationToken);
        Assert.That((status, output),
            Is.EqualTo((1, $"error: {Backup}: is applied already; take it back first: smtpshield import --undo {Postfix.ConfigurationDirectory}\n")));
        Assert.That(await SayAsync(Door, cancellationToken), Is.EqualTo((string[])["220", "250", "554"]));

        (status, output) = await ImportAsync(cancellationToken, "-o", Path.Combine(_directory, "other.cf"));
        Assert.That(status, Is.EqualTo(1), "the inner smtpd is not taken for the service");
        Assert.That(output, Does.Match(@"error: .*/master\.cf, line \d+: 127\.0\.0\.1:\d+ is the smtpd behind a shield already"));

        (status, output) = await ImportAsync(cancellationToken, "--undo");
        Assert.That(status, Is.Zero, output);
        await AssertAsBeforeAsync(files, cancellationToken);
    }

    [Test, CancelAfter(300_000)]
    public async Task Undo_FilesWereChangedSince_KeepsWhatWasChanged(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        var files = await FilesAsync(cancellationToken);
        Assert.That((await ApplyAsync(cancellationToken)).Status, Is.Zero);
        await File.AppendAllTextAsync(Target, "smtpd_client_connection_rate_limit = 7\n", cancellationToken);

        var (status, output) = await ImportAsync(cancellationToken, "--undo");

        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(await File.ReadAllLinesAsync($"{Target}.undone", cancellationToken), Does.Contain("smtpd_client_connection_rate_limit = 7"));
        Assert.That((File.Exists(Target), await FilesAsync(cancellationToken)), Is.EqualTo((false, files)));
        Assert.That(await SayAsync(Door, cancellationToken), Is.EqualTo((string[])["220", "250", "554"]));
    }

    [Test, CancelAfter(120_000)]
    public async Task Undo_WithoutBackup_SaysSo(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        var files = await FilesAsync(cancellationToken);
        Assert.That(await ImportAsync(cancellationToken, "--undo"), Is.EqualTo((1, $"error: {Backup}: nothing to undo, import --apply was not used here\n")));
        await AssertAsBeforeAsync(files, cancellationToken);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_KeyTheShieldCannotRead_IsFoundBeforePostfixChanges(CancellationToken cancellationToken)
    {
        File.SetUnixFileMode(Chain, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await StartPostfixAsync(cancellationToken, ("smtpd_tls_chain_files", Chain), ("smtpd_tls_security_level", "may"));
        await AssertFailsAsync("smtpshield check as nobody: exit status 1: .*chain.pem.*ermission denied.*; everything was put back", cancellationToken);
        Assert.That(await File.ReadAllTextAsync(Postfix.LogPath, cancellationToken), Does.Not.Contain("reload"));
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_UserThatDoesNotExist_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await AssertFailsAsync("user nobody-at-all: exit status 1: .*no such user.*; everything was put back", cancellationToken,
            more: ["--user", "nobody-at-all"]);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_BackupCannotBeWritten_ChangesNothing(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await File.WriteAllTextAsync(Backup, "a file in its place", cancellationToken);
        var files = await FilesAsync(cancellationToken);
        var (status, output) = await ApplyAsync(cancellationToken);
        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Match("error: .*before-smtpshield.*; nothing was changed"));
        await AssertAsBeforeAsync(files, cancellationToken);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_NotPostfixOnThePort_ChangesNothing(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await OutsideProcess.RunSuccessfullyAsync("sed", ["-i", $"s/^127.0.0.1:{Door.Port} /127.0.0.1:{LoopbackPorts.Take()} /", MasterCf],
            s_limit, cancellationToken);
        var (status, output) = await ApplyAsync(cancellationToken);
        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Match("error: nothing listens on 127.0.0.1:.*; nothing was changed"));
        Assert.That(await SayAsync(Door, cancellationToken), Is.EqualTo((string[])["220", "250", "554"]));
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_SessionOfPostfix_EndsWithTheReload(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(Door, IPAddress.Loopback, cancellationToken);
        await client.ReplyAsync(cancellationToken);
        var (status, output) = await ApplyAsync(cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.Empty);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_PortIsNotFreed_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await using var client = await RawSmtpClient.ConnectAsync(Door, IPAddress.Loopback, cancellationToken);
        await client.ReplyAsync(cancellationToken);
        // It can't end while it is stopped, and holds the port.
        var (smtpd, _) = Postfix.AcceptingProcesses().Select(id => (id, File.ReadAllText($"/proc/{id}/comm")))
            .First(process => process.Item2.StartsWith("smtpd", StringComparison.Ordinal));
        OutsideProcess.Signal(smtpd, OutsideProcess.Stop);
        await AssertFailsAsync(@"127.0.0.1:\d+ is not free 3 s after the reload: .*smtpd\[\d+\].*; everything was put back",
            cancellationToken, more: ["--wait", "3"]);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_PostfixRefusesToReload_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await WrapAsync("reload) [ -e \"$0.failed\" ] || { >\"$0.failed\"; echo not today >&2; exit 1; };;", cancellationToken);
        await AssertFailsAsync("postfix reload: exit status 1: .*; everything was put back", cancellationToken);
    }

    // master(8) ends when it can't bind what it reads. Somebody takes all that is free of it behind the look at the ports, just before a reload,
    // without listening, and leaves when it has ended.
    [TestCase(1, "postfix start", "Postfix ended when it read its files; its log says why")]
    [TestCase(2, "postfix reload\npostfix start", "exit 3: exit status 3")]
    [CancelAfter(300_000)]
    public async Task Apply_ReloadEndsPostfix_StartsItAgain(int reload, string steps, string expected, CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("python3");
        await StartPostfixAsync(cancellationToken);
        await File.WriteAllTextAsync($"{_directory}/take.py", TakePorts, cancellationToken);
        await WrapAsync(
            $"""
            reload)
                echo >>"$0.reloads"
                if [ "$(wc -l <"$0.reloads")" = {reload} ]; then
                    python3 {_directory}/take.py "$config_directory/master.cf" "$(sed 1q pid/master.pid)" {_directory}/taken >/dev/null 2>&1 </dev/null &
                    while [ ! -e {_directory}/taken ]; do sleep 0.1; done
                fi;;
            start) while [ -e {_directory}/taken ]; do sleep 0.1; done;;
            """,
            cancellationToken);

        // Connections of the test before, closed by its Postfix, keep others than a Postfix from its port for a minute. Where the kernel can it forgets them.
        await OutsideProcess.RunAsync("ss", ["-K", "-Htn", "state", "time-wait", "( sport ge :10025 and sport lt :10035 )"], s_limit, cancellationToken);
        await Eventually.HoldsAsync(() => !HasJustClosed(), TimeSpan.FromSeconds(90),
            "nothing is left of connections to the ports behind the shield", cancellationToken);
        var output = await AssertFailsAsync($"{expected}; everything was put back", cancellationToken, reload == 1 ? null : "exit 3");

        Assert.That(output, Does.Contain($"as before\n{steps}\nerror: "));
    }

    // TIME_WAIT (tcp(7), /proc/net/tcp) at the ports from 10025 on, which import gives to the services behind the shield.
    private static bool HasJustClosed() => File.ReadLines("/proc/net/tcp").Skip(1)
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Any(columns => columns[3] == "06" && Convert.ToInt32(columns[1].Split(':')[1], 16) is >= 10025 and < 10035);

    private const string TakePorts = """
        import os, re, socket, sys, time
        master, sockets = "/proc/" + sys.argv[2].strip(), []
        for port in re.findall(r"^127\.0\.0\.1:(\d+)\s+inet", open(sys.argv[1]).read(), re.M):
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", int(port)))
                sockets.append(one)
            except OSError:
                pass
        open(sys.argv[3], "w").close()
        while os.path.exists(master):
            time.sleep(0.1)
        for one in sockets:
            one.close()
        os.remove(sys.argv[3])
        """;

    [TestCase("exit 3", "exit 3: exit status 3")]
    [TestCase("echo no such unit >&2; false", "exit status 1: no such unit")]
    [TestCase("true", @"nothing listens on 127.0.0.1:\d+ 3 s after: true")]
    [CancelAfter(300_000)]
    public async Task Apply_ShieldDoesNotStart_PutsEverythingBack(string start, string expected, CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        await AssertFailsAsync($"{expected}.*; everything was put back", cancellationToken, start, "--wait", "3");
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_NobodyGreets_PutsEverythingBack(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("python3");
        await StartPostfixAsync(cancellationToken);
        var silent = $"python3 -c 'import socket,time; s=socket.create_server((\"127.0.0.1\",{Door.Port})); c=s.accept()[0]; c.close(); "
            + $"time.sleep(200)' >/dev/null 2>&1 </dev/null & echo $! >{PidFile}";
        await AssertFailsAsync(@"no greeting on 127.0.0.1:\d+.*; everything was put back", cancellationToken, silent, "--wait", "10");
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_PostfixRelaysForStrangers_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken, ("mynetworks", "127.0.0.1/32 192.0.2.0/24"), ("default_transport", "discard"));
        await AssertFailsAsync(@"Postfix would relay mail of a stranger \(192.0.2.1\) to elsewhere: 250 .*; everything was put back", cancellationToken);
    }

    [Test, CancelAfter(300_000)]
    public async Task Apply_Interrupted_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        var files = await FilesAsync(cancellationToken);
        await using var import = ShieldProgram.Start(
            ["import", "--apply", "-o", Target, "--user", User, "--start", $"touch {_directory}/started; sleep 60", "--stop", "true",
                Postfix.ConfigurationDirectory]);
        await Eventually.HoldsAsync(() => File.Exists($"{_directory}/started"), s_limit, "the shield is being started", cancellationToken);
        import.Signal(OutsideProcess.HangUp);
        await import.WaitForExitAsync(s_limit, cancellationToken);
        Assert.That((import.ExitCode, import.Output), Is.EqualTo((1, import.Output)));
        Assert.That(import.Output, Does.Contain("error: interrupted; everything was put back"));
        await AssertAsBeforeAsync(files, cancellationToken);
    }

    // Killed in the middle, it could put nothing back: the backup does, later.
    [Test, CancelAfter(300_000)]
    public async Task Undo_AfterApplyWasKilled_PutsEverythingBack(CancellationToken cancellationToken)
    {
        await StartPostfixAsync(cancellationToken);
        var files = await FilesAsync(cancellationToken);
        await using (var import = ShieldProgram.Start(
            ["import", "--apply", "-o", Target, "--user", User, "--start", $"touch {_directory}/started; sleep 60", "--stop", "true",
                Postfix.ConfigurationDirectory]))
        {
            await Eventually.HoldsAsync(() => File.Exists($"{_directory}/started"), s_limit, "the shield is being started", cancellationToken);
        }

        var (status, output) = await ImportAsync(cancellationToken, "--undo");

        Assert.That((status, output), Is.EqualTo((0, output)));
        await AssertAsBeforeAsync(files, cancellationToken);
    }

    [TestCase("--apply --undo", "error: --apply and --undo: give one of them")]
    [TestCase("--apply --start true", "error: --start and --stop belong together: give both")]
    [TestCase("--apply --wait 0 --start true --stop true", "error: --wait: give a number of seconds from 1 to 3600")]
    [CancelAfter(120_000)]
    public async Task Apply_OptionsThatDoNotFit_SaysSo(string arguments, string expected, CancellationToken cancellationToken)
    {
        var (status, output) = await ShieldProgram.RunAsync(["import", .. arguments.Split(' '), _directory], s_limit, cancellationToken);
        Assert.That((status, output), Is.EqualTo((1, $"{expected}\n")));
    }

    [Test, CancelAfter(120_000)]
    public async Task Apply_WithoutSystemd_SaysHowToStart(CancellationToken cancellationToken)
    {
        if (Directory.Exists("/run/systemd/system"))
            Assert.Ignore("systemd runs here");
        var (status, output) = await ShieldProgram.RunAsync(["import", "--apply", _directory], s_limit, cancellationToken);
        Assert.That((status, output),
            Is.EqualTo((1, "error: no systemd runs here: say how the shield is started and stopped: --start COMMAND --stop COMMAND\n")));
    }

    // postfix(1) is told by postfix-script, of the directory that main.cf names: here one that does more for some commands.
    private async Task WrapAsync(string cases, CancellationToken cancellationToken)
    {
        var daemons = Path.Combine(_directory, "daemons");
        await OutsideProcess.RunSuccessfullyAsync(
            "sh",
            ["-c", "cp -rL \"$(postconf -dh daemon_directory)\" \"$0\" && mv \"$0/postfix-script\" \"$0/postfix-script.real\"", daemons],
            s_limit,
            cancellationToken);
        var script = Path.Combine(daemons, "postfix-script");
        await File.WriteAllTextAsync(script, $"#!/bin/sh\ncase $1 in\n{cases}\nesac\nexec /bin/sh \"$0.real\" \"$@\"\n", cancellationToken);
        File.SetUnixFileMode(script, File.GetUnixFileMode($"{script}.real"));
        await OutsideProcess.RunSuccessfullyAsync(
            "postconf", ["-c", Postfix.ConfigurationDirectory, "-e", $"daemon_directory = {daemons}"], s_limit, cancellationToken);
    }

    private async Task<string> AssertFailsAsync(string expected, CancellationToken cancellationToken, string? start = null, params string[] more)
    {
        var files = await FilesAsync(cancellationToken);
        var (status, output) = await ApplyAsync(cancellationToken, start, more);
        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Match($"(?s)error: .*{expected}\n$"));
        await AssertAsBeforeAsync(files, cancellationToken);
        return output;
    }
}
