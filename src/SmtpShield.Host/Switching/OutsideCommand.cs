using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Switching;

/// <summary>Runs another program to its end, within a time.</summary>
internal static class OutsideCommand
{
    // Of what it prints, this much is of use.
    private const int LongestOutput = 8192;
    private const int NotFound = 127;
    private static readonly TimeSpan s_lastOutput = TimeSpan.FromSeconds(1);

    /// <summary>Runs a program.</summary>
    /// <param name="words">Its name and arguments; assignments to environment variables may stand before, as with env(1).</param>
    /// <param name="limit">How long it may take; then it is killed.</param>
    /// <param name="time">The clock of the limit.</param>
    /// <param name="cancellationToken">Kills it.</param>
    public static async Task<CommandOutcome> RunAsync(IReadOnlyList<string> words, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("/usr/bin/env", words) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin";
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            return new(NotFound, "", exception.Message);
        }
        process.StandardInput.Close();
        var (output, errors) = (new StringBuilder(), new StringBuilder());
        using var deadline = new CancellationTokenSource(limit, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var reading = Task.WhenAll(KeepAsync(process.StandardOutput, output), KeepAsync(process.StandardError, errors));
        try
        {
            await process.WaitForExitAsync(ending.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            return new(NotFound, "", $"did not end within {limit.TotalSeconds:0} s");
        }
        // A program it left behind may hold the pipes open.
        await Task.WhenAny(reading, Task.Delay(s_lastOutput, time, CancellationToken.None));
        return new(process.ExitCode, TextOf(output), TextOf(errors));
    }

    private static string TextOf(StringBuilder output)
    {
        lock (output)
            return Printable.Text(output.ToString().Trim().ReplaceLineEndings("; "));
    }

    private static async Task KeepAsync(StreamReader reader, StringBuilder output)
    {
        var buffer = new char[1024];
        try
        {
            while (await reader.ReadAsync(buffer) is > 0 and var length)
            {
                lock (output)
                    output.Append(buffer, 0, Math.Min(length, LongestOutput - Math.Min(output.Length, LongestOutput)));
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Killed, or left behind.
        }
    }
}
