using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace SmtpShield.Testing.Outside;

/// <summary>A program that tests start: its output is kept, it can get signals, and it is ended with the test.</summary>
public sealed class OutsideProcess : IAsyncDisposable
{
    /// <summary>SIGHUP, see signal(7).</summary>
    public const int HangUp = 1;

    /// <summary>SIGKILL.</summary>
    public const int Kill = 9;

    /// <summary>SIGTERM, see signal(7).</summary>
    public const int Terminate = 15;

    /// <summary>SIGSTOP.</summary>
    public const int Stop = 19;

    /// <summary>SIGCONT.</summary>
    public const int Continue = 18;

    private static readonly TimeSpan s_standstill = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private OutsideProcess(Process process) => _process = process;

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit status, once it has ended.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it wrote so far, both streams.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Whether a program of this name is on the path (or in the sbin directories, which are not always on it).</summary>
    public static bool IsInstalled(string name) => Find(name) is not null;

    /// <summary>Starts a program.</summary>
    public static OutsideProcess Start(
        string name, IEnumerable<string> arguments, string? workingDirectory = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Find(name) ?? throw new FileNotFoundException($"{name} is not installed"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
            start.Environment[key] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start");
        var started = new OutsideProcess(process);
        process.OutputDataReceived += started.Keep;
        process.ErrorDataReceived += started.Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return started;
    }

    /// <summary>Runs a program to its end, within <paramref name="limit"/>.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(
        string name, IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellationToken, string input = "", string? workingDirectory = null)
    {
        await using var process = Start(name, arguments, workingDirectory);
        await process.WriteAsync(input, cancellationToken);
        process.EndInput();
        await process.WaitForExitAsync(limit, cancellationToken);
        return (process.ExitCode, process.Output);
    }

    /// <summary>Runs a program to its end and throws with its output unless it exits with 0.</summary>
    public static async Task<string> RunSuccessfullyAsync(
        string name, IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellationToken, string input = "", string? workingDirectory = null)
    {
        var given = arguments.ToArray();
        var (exitCode, output) = await RunAsync(name, given, limit, cancellationToken, input, workingDirectory);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{name} {string.Join(' ', given)} exited with {exitCode}:\n{output}");
    }

    /// <summary>Writes to its standard input.</summary>
    public async Task WriteAsync(string text, CancellationToken cancellationToken)
    {
        try
        {
            await _process.StandardInput.WriteAsync(text.AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
        }
        catch (IOException)
        {
            // It has ended already; its output and exit status say why.
        }
    }

    /// <summary>Closes its standard input.</summary>
    public void EndInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // As in WriteAsync.
        }
    }

    /// <summary>Sends a signal to it.</summary>
    public void Signal(int signal) => Signal(_process.Id, signal);

    /// <summary>Sends a signal to a process that was started by a test.</summary>
    public static void Signal(int processId, int signal) => _ = Send(processId, signal);

    /// <summary>Stops a process that was started by a test, and waits until none of its threads runs any more, or it has ended.</summary>
    public static void StandStill(int processId)
    {
        Signal(processId, Stop);
        SpinWait.SpinUntil(() => HasNoRunningThread(processId), s_standstill);
    }

    /// <summary>Waits until it has ended; kills it and throws with its output when it doesn't within <paramref name="limit"/>.</summary>
    public async Task WaitForExitAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(limit);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{_process.StartInfo.FileName} did not end within {limit.TotalSeconds:0.#} s:\n{Output}");
        }
    }

    /// <summary>Ends it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }
        _process.Dispose();
    }

    private static string? Find(string name) =>
        Path.IsPathRooted(name)
            ? name
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Concat(["/usr/sbin", "/sbin", "/usr/local/sbin"])
                .Select(directory => Path.Combine(directory, name))
                .FirstOrDefault(File.Exists);

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null)
            return;
        lock (_output)
            _output.Append(line.Data).Append('\n');
    }

    // The state is behind the name, which is in parentheses and may have any octets in it; T: stopped.
    private static bool HasNoRunningThread(int processId)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{processId}/task").All(static thread =>
            {
                var status = File.ReadAllText(Path.Combine(thread, "stat"));
                return status[status.LastIndexOf(')') + 2] is 'T' or 'Z' or 'X';
            });
        }
        catch (IOException)
        {
            return !Directory.Exists($"/proc/{processId}");
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Send(int processId, int signal);
}
