using System.CommandLine;
using System.Runtime.InteropServices;
using SmtpShield.Host.Import;
using SmtpShield.Host.Switching;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield import --apply</c> and <c>--undo</c>: what <c>import</c> prints, done, tried out, and taken back when it does not work.</summary>
internal sealed class ImportSwitch
{
    private const int LongestWait = 3600;
    private const string RuntimeOfSystemd = "/run/systemd/system";

    private readonly Option<bool> _apply = new("--apply")
    {
        Description = "Also take Postfix's place: edit its master.cf, start the shield, try it out; put everything back if that fails.",
    };
    private readonly Option<bool> _undo = new("--undo") { Description = "Put back what --apply changed." };

    private readonly Option<string> _user = new("--user")
    {
        Description = "With --apply: the user the shield runs as.",
        HelpName = "user",
        DefaultValueFactory = _ => SwitchoverOptions.SystemdUser,
    };

    private readonly Option<string?> _start = new("--start")
    {
        Description = $"With --apply: what starts the shield; without it: {SwitchoverOptions.SystemdStart}",
        HelpName = "command",
    };
    private readonly Option<string?> _stop = new("--stop")
    {
        Description = $"With --apply: what stops the shield; without it: {SwitchoverOptions.SystemdStop}",
        HelpName = "command",
    };

    private readonly Option<int> _wait = new("--wait")
    {
        Description = "With --apply: how many seconds each thing may take that is waited for.",
        HelpName = "seconds",
        DefaultValueFactory = _ => 30,
    };

    /// <summary>Adds the options.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_apply, _undo, _user, _start, _stop, _wait])
            command.Options.Add(option);
    }

    /// <summary>Whether this is more than an import.</summary>
    public bool IsAsked(ParseResult arguments) => arguments.GetValue(_apply) || arguments.GetValue(_undo);

    /// <summary>Switches over, or back.</summary>
    /// <returns>The exit status: 0, or 1 after one line that says why.</returns>
    public async Task<int> RunAsync(
        ParseResult arguments, string source, string? target, bool isForced, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        // A terminal that goes away must not leave it half done.
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
        if (!arguments.GetValue(_apply))
            return await UndoAsync(source, output, error);
        if (arguments.GetValue(_undo))
            return Fail("--apply and --undo: give one of them", error);
        return WhyNot(arguments, target) is { Length: > 0 } reason
            ? Fail(reason, error)
            : await ApplyAsync(arguments, source, target ?? ShieldConfiguration.DefaultPath, isForced, output, error, interrupted.Token);
    }

    private string WhyNot(ParseResult arguments, string? target)
    {
        var (start, stop) = (arguments.GetValue(_start), arguments.GetValue(_stop));
        if (arguments.GetValue(_wait) is < 1 or > LongestWait)
            return $"--wait: give a number of seconds from 1 to {LongestWait}";
        if (string.IsNullOrWhiteSpace(start) != string.IsNullOrWhiteSpace(stop))
            return "--start and --stop belong together: give both";
        if (start is not null)
            return start.Contains('\n') || stop!.Contains('\n') ? "--start and --stop: give one line" : "";
        if (!Directory.Exists(RuntimeOfSystemd))
            return "no systemd runs here: say how the shield is started and stopped: --start COMMAND --stop COMMAND";
        return target is not null && Path.GetFullPath(target) != ShieldConfiguration.DefaultPath
            ? $"-o {target}: smtpshield.service reads {ShieldConfiguration.DefaultPath}; leave -o out, or give --start and --stop"
            : "";
    }

    private async Task<int> ApplyAsync(
        ParseResult arguments, string source, string target, bool isForced, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        var directory = PostfixFiles.Read(source).Directory;
        if (SwitchoverBackup.Exists(directory))
            return Fail($"{SwitchoverBackup.DirectoryOf(directory)}: is applied already; take it back first: smtpshield import --undo {directory}", error);
        var files = ImportCommand.Read(source, target, isForced, out var errors);
        if (errors.Count > 0)
            return ImportCommand.Fail(errors, error);
        var options = new SwitchoverOptions(
            Path.GetFullPath(target),
            arguments.GetValue(_user)!,
            arguments.GetValue(_start) ?? SwitchoverOptions.SystemdStart,
            arguments.GetValue(_stop) ?? SwitchoverOptions.SystemdStop,
            TimeSpan.FromSeconds(arguments.GetValue(_wait)));
        var import = PostfixImport.Make(files, options.Target, HostFacts.Local(), ListeningSocket.IsTaken);
        foreach (var note in import.Notes)
            await error.WriteLineAsync(note.ToString());
        var failure = await new Switchover(files, import, options, output, TimeProvider.System).RunAsync(cancellationToken);
        if (failure.Length > 0)
            return Fail(failure, error);
        await output.WriteLineAsync($"done: the shield stands before Postfix. To take it back: smtpshield import --undo {files.Directory}");
        return 0;
    }

    private static async Task<int> UndoAsync(string source, TextWriter output, TextWriter error)
    {
        var directory = Path.GetFullPath(File.Exists(source) ? Path.GetDirectoryName(Path.GetFullPath(source))! : source);
        var (backup, failure) = SwitchoverBackup.Read(directory);
        if (backup is null)
            return Fail(failure, error);
        if (!Environment.IsPrivilegedProcess)
            return Fail("Postfix can only be told by root: run the command as root", error);
        var left = await new PutBack(backup, output, TimeProvider.System).RunAsync(isEdited: true, isStarted: true);
        if (left.Count > 0)
            return Fail($"not everything could be put back: {string.Join("; ", left)}. The copies are in {SwitchoverBackup.DirectoryOf(directory)}", error);
        await output.WriteLineAsync("done: Postfix is as it was");
        return 0;
    }

    private static int Fail(string reason, TextWriter error)
    {
        error.WriteLine($"error: {reason}");
        return 1;
    }
}
