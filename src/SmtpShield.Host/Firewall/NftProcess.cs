using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Firewall;

/// <summary>One <c>nft -i</c> that is kept open, and owns the table: when it ends, whatever is the reason, the table is gone.</summary>
internal sealed class NftProcess : IDisposable
{
    private const int LongestComplaint = 300;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly TimeProvider _time;
    private int _told;

    private NftProcess(Process process, TimeProvider time) => (_process, _time) = (process, time);

    /// <summary>Starts it.</summary>
    /// <param name="program">Which nft.</param>
    /// <param name="time">The clock.</param>
    /// <param name="whyNot">Why it can't be.</param>
    /// <returns>Null: it can't be.</returns>
    public static NftProcess? Start(string program, TimeProvider time, out string whyNot)
    {
        var start = new ProcessStartInfo(Find(program), ["-i"]) { RedirectStandardInput = true, RedirectStandardError = true };
        // It complains in the words that are printed here.
        start.Environment["LC_ALL"] = "C";
        try
        {
            whyNot = "";
            return new(Process.Start(start)!, time);
        }
        catch (Win32Exception exception)
        {
            whyNot = $"{program}: {WhyNot(exception)}";
            return null;
        }
    }

    /// <summary>Where a program is: nft is where the path of who is not root often does not lead.</summary>
    public static string Find(string program) => program.Contains('/', StringComparison.Ordinal) ? program
        : $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists) ?? program;

    /// <summary>Why a program could not be started, without its name and the directory, which .NET adds.</summary>
    public static string WhyNot(Win32Exception exception) => new Win32Exception(exception.NativeErrorCode).Message;

    /// <summary>Tells it something, and waits until it is done.</summary>
    /// <param name="script">Whole lines.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What it said against it; empty: nothing.</returns>
    public async Task<string> TellAsync(string script, CancellationToken cancellationToken)
    {
        // It does what it is told in order, and answers only to what it does not understand: such a line is the end of what it says.
        var end = string.Create(CultureInfo.InvariantCulture, $"told {++_told}");
        using var deadline = new CancellationTokenSource(_patience, _time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var said = new StringBuilder();
        try
        {
            await _process.StandardInput.WriteAsync($"{script}{end}\n".AsMemory(), ending.Token);
            await _process.StandardInput.FlushAsync(ending.Token);
            string? last = null;
            while (await _process.StandardError.ReadLineAsync(ending.Token) is { } line)
            {
                if (line.Trim() == end)
                    return Printable.Text(said.ToString());
                if (last is { } complaint && said.Length < LongestComplaint)
                    said.Append(said.Length > 0 ? "; " : "").Append(complaint.AsSpan(0, Math.Min(complaint.Length, LongestComplaint)));
                // What it underlines the mistake with.
                last = line.Trim().Trim('^', '~').Length > 0 ? line.Trim() : null;
            }

            return said.Length > 0 ? Printable.Text(said.ToString()) : $"nft has ended{(last is null ? "" : ": " + Printable.Text(last))}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"nft does not answer within {_patience.TotalSeconds:0} s";
        }
        catch (IOException exception)
        {
            return $"nft has ended: {exception.Message}";
        }
    }

    /// <summary>Ends it, and with it the table.</summary>
    public void Dispose()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }

        _process.Dispose();
    }
}
