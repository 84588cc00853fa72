using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>Postfix's smtp-sink(1): an MTA that throws mail away, and refuses, hangs up or waits where it is told to.</summary>
internal sealed partial class SmtpSink : IAsyncDisposable
{
    private readonly OutsideProcess _process;
    private readonly string _directory;

    private SmtpSink(OutsideProcess process, string directory) => (_process, _directory) = (process, directory);

    /// <summary>Messages whose end it has seen and acknowledged, by its own running counters.</summary>
    public int Messages => Counters().Select(match => int.Parse(match.Groups["messages"].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();

    /// <summary>Sessions that have ended, by its own running counters.</summary>
    public int Sessions => Counters().Select(match => int.Parse(match.Groups["sessions"].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();

    /// <summary>Its captures of mail transactions, envelope and content, one for each.</summary>
    /// <remarks>It removes the capture of a transaction that was given up, at any time: such a one is none.</remarks>
    public IReadOnlyList<string> Captures => [.. Directory.GetFiles(_directory).Select(ReadIfThere).OfType<string>()];

    private static string? ReadIfThere(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Starts it on a port and waits until it listens.</summary>
    /// <param name="endPoint">Where it listens.</param>
    /// <param name="options">Its options, separated by spaces; an underscore is a space within one.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<SmtpSink> StartAsync(IPEndPoint endPoint, string options, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-sink-").FullName;
        // It writes its captures as nobody.
        await OutsideProcess.RunSuccessfullyAsync("chmod", ["777", directory], TimeSpan.FromSeconds(10), cancellationToken);
        string[] arguments =
        [
            "-c", "-u", "nobody", "-d", Path.Combine(directory, "%M."),
            .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(option => option.Replace('_', ' ')), endPoint.ToString(), "100",
        ];
        var sink = new SmtpSink(OutsideProcess.Start("smtp-sink", arguments), directory);
        await Eventually.HoldsAsync(() => sink._process.HasExited || LoopbackPorts.IsListening(endPoint.Port), TimeSpan.FromSeconds(20),
            "smtp-sink listens", cancellationToken);
        return sink._process.HasExited ? throw new InvalidOperationException($"smtp-sink {options} ended:\n{sink._process.Output}") : sink;
    }

    /// <summary>Ends it and removes its captures.</summary>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private MatchCollection Counters() => Counter().Matches(_process.Output);

    [GeneratedRegex(@"sess=(?<sessions>\d+) quit=\d+ mesg=(?<messages>\d+)")]
    private static partial Regex Counter();
}
