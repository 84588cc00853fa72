using System.Globalization;
using SmtpShield.Host.Import;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Host.Switching;

/// <summary>A Postfix instance, told what to do by postfix(1) and postconf(1).</summary>
/// <param name="directory">Its configuration directory.</param>
/// <param name="time">The clock of the limits.</param>
internal sealed class PostfixControl(string directory, TimeProvider time)
{
    // SIGTERM, 15, in a mask of proc(5), where bit 0 is signal 1.
    private const ulong Terminate = 1UL << 14;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Its configuration directory.</summary>
    public string ConfigurationDirectory => directory;

    /// <summary>Its main.cf.</summary>
    public string MainCf => Path.Combine(directory, "main.cf");

    /// <summary>Its master.cf.</summary>
    public string MasterCf => Path.Combine(directory, "master.cf");

    /// <summary>Gives a command of postfix(1).</summary>
    /// <returns>What failed; empty on success.</returns>
    public async Task<string> RunAsync(string command, CancellationToken cancellationToken) =>
        (await OutsideCommand.RunAsync(["postfix", "-c", directory, command], s_limit, time, cancellationToken)).FailureOf($"postfix {command}");

    /// <summary>The value of a parameter, expanded; empty when postconf(1) does not say it.</summary>
    public async Task<string> ValueAsync(string name, CancellationToken cancellationToken) =>
        await OutsideCommand.RunAsync(["postconf", "-c", directory, "-xh", name], s_limit, time, cancellationToken) is { Status: 0 } outcome
            ? outcome.Output
            : "";

    /// <summary>Its master(8); null when it does not run. Its pid file is not asked: master keeps that locked.</summary>
    /// <param name="queueDirectory">The value of <c>queue_directory</c>.</param>
    public static int? MasterIn(string queueDirectory) =>
        Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
            .Where(id => id > 0 && ListeningSocket.NameOf(id) == "master" && IsDaemon(id, queueDirectory)).Select(id => (int?)id).FirstOrDefault();

    /// <summary>Whether a process is one of its daemons, master(8) among them: all work in its queue directory.</summary>
    public static bool IsDaemon(int process, string queueDirectory)
    {
        try
        {
            return Directory.ResolveLinkTarget($"/proc/{process}/cwd", returnFinalTarget: false)?.FullName == Path.GetFullPath(queueDirectory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Whether a process has been sent SIGTERM and has not taken it: it is stopped, or hangs in the kernel.</summary>
    public static bool IsToldToEnd(int process)
    {
        try
        {
            return File.ReadLines($"/proc/{process}/status")
                .Where(line => line.StartsWith("SigPnd:", StringComparison.Ordinal) || line.StartsWith("ShdPnd:", StringComparison.Ordinal))
                .Any(line => ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var pending)
                    && (pending & Terminate) != 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>master.cf as it is after edits, made by postconf(1) in a copy: the file itself keeps its owner and mode, and sees one change.</summary>
    /// <returns>The content, or what failed.</returns>
    public async Task<(byte[] Content, string Failure)> EditedMasterCfAsync(IEnumerable<MasterCfEdit> edits, CancellationToken cancellationToken)
    {
        var copy = Directory.CreateTempSubdirectory("smtpshield-").FullName;
        try
        {
            File.Copy(MainCf, Path.Combine(copy, "main.cf"));
            File.Copy(MasterCf, Path.Combine(copy, "master.cf"));
            foreach (var edit in edits)
            {
                var outcome = await OutsideCommand.RunAsync(["postconf", "-c", copy, edit.Option, edit.Argument], s_limit, time, cancellationToken);
                if (outcome.Status != 0)
                    return ([], outcome.FailureOf($"postconf {edit.Option}"));
            }
            return (await File.ReadAllBytesAsync(Path.Combine(copy, "master.cf"), cancellationToken), "");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ([], $"{MasterCf}: {ConfigurationText.Reason(exception)}");
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }
}
