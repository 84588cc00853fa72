using System.ComponentModel;
using System.Diagnostics;
using System.IO.Pipes;

namespace SmtpShield.Upgrade;

/// <summary>How the program is started that takes over from this process: as this one was, so that it is the file that stands there now.</summary>
/// <param name="Words">The program and its arguments.</param>
internal sealed record SuccessorProgram(IReadOnlyList<string> Words)
{
    /// <summary>
    /// Asks the process that is started to start itself once more, without this variable, and to end: then what takes over is no child of this process but of
    /// whoever takes in orphans, as systemd does, which sees it end one day.
    /// </summary>
    public const string Detach = "SMTPSHIELD_DETACH";

    // They name this process.
    private static readonly string[] s_own = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

    /// <summary>Starts it. It has what is passed on (<see cref="Transport.DescriptorInheritance"/>) and two pipes.</summary>
    /// <exception cref="HandOverException">It can't be started.</exception>
    public Successor Start()
    {
        var (output, input) = (new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.Inheritable),
            new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable));
        var start = new ProcessStartInfo(Words[0], Words.Skip(1));
        start.Environment[Predecessor.Variable] = $"{output.GetClientHandleAsString()},{input.GetClientHandleAsString()}";
        start.Environment[Detach] = "1";
        foreach (var variable in s_own)
            start.Environment.Remove(variable);
        try
        {
            var starter = Process.Start(start)!;
            output.DisposeLocalCopyOfClientHandle();
            input.DisposeLocalCopyOfClientHandle();
            return new(starter, new(input, output));
        }
        catch (Exception exception) when (exception is Win32Exception or IOException)
        {
            output.Dispose();
            input.Dispose();
            throw new HandOverException($"{Words[0]} can't be started: {exception.Message}");
        }
    }
}
