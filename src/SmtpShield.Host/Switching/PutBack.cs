using System.Globalization;
using System.Net;

namespace SmtpShield.Host.Switching;

/// <summary>Gives Postfix its place back: stops the shield, restores the files, and sees that Postfix listens again.</summary>
/// <param name="backup">What to restore.</param>
/// <param name="output">Says what is done.</param>
/// <param name="time">The clock of the limits.</param>
internal sealed class PutBack(SwitchoverBackup backup, TextWriter output, TimeProvider time)
{
    // The shield finishes sessions first: TimeoutStopSec of its unit, and some.
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_portLimit = TimeSpan.FromSeconds(30);

    private readonly PostfixControl _postfix = new(backup.Postfix, time);

    /// <summary>Does it. Nothing cancels it: it has limits of its own.</summary>
    /// <param name="isEdited">Whether Postfix may have read the edited files.</param>
    /// <param name="isStarted">Whether the shield may run.</param>
    /// <returns>What could not be put back; empty when all is as it was.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(bool isEdited, bool isStarted)
    {
        var failures = new List<string>();
        void Keep(string failure)
        {
            if (failure.Length > 0)
                failures.Add(failure);
        }

        if (isStarted)
            Keep(await StopAsync());
        var (notRestored, kept) = backup.Restore();
        failures.AddRange(notRestored);
        output.WriteLine($"{backup.Postfix}/master.cf, {backup.Postfix}/main.cf, {backup.Target}: as before");
        foreach (var file in kept)
            output.WriteLine($"{file}: keeps what was changed since");
        if (isEdited)
            Keep(await ReturnPortsAsync());
        if (failures.Count == 0)
            Keep(backup.Remove());
        return failures;
    }

    private async Task<string> StopAsync()
    {
        output.WriteLine($"stop the shield: {backup.Stop}");
        var outcome = await OutsideCommand.RunAsync(["sh", "-c", backup.Stop], s_stopLimit, time, CancellationToken.None);
        // What counts is whether the ports are free: a shield that did not start can't be stopped.
        var isFree = await Waiting.ForAsync(() => backup.EndPoints.All(IsPostfixsOrFree), s_portLimit, time, CancellationToken.None);
        return isFree ? "" : $"{outcome.FailureOf(backup.Stop)}; {Holders()}".TrimStart(';', ' ');
    }

    private async Task<string> ReturnPortsAsync()
    {
        // Postfix's master ends when a port it wants is taken.
        if (!backup.EndPoints.All(IsPostfixsOrFree))
            return $"Postfix was not told to read its files: {Holders()}. End that, then: postfix -c {backup.Postfix} reload";
        await EndLeftBehindAsync();
        var command = Master is null ? "start" : "reload";
        output.WriteLine($"postfix {command}");
        var failure = await _postfix.RunAsync(command, CancellationToken.None);
        var start = time.GetTimestamp();
        var isBack = await Waiting.ForAsync(() => Master is null || AreHeld(), s_portLimit, time, CancellationToken.None);
        if (Master is null && time.GetElapsedTime(start) < s_portLimit)
        {
            output.WriteLine("postfix start");
            failure = await _postfix.RunAsync("start", CancellationToken.None);
            isBack = await Waiting.ForAsync(AreHeld, s_portLimit, time, CancellationToken.None);
        }
        return isBack && AreHeld()
            ? ""
            : $"Postfix does not listen on {string.Join(", ", backup.EndPoints)}{(failure.Length > 0 ? $": {failure}" : "")}; its log says why";
    }

    // Processes that Postfix has told to end, and that did not: they hold a port that master(8) does not find free then, or it waits
    // for them and does nothing else. postfix stop kills them, too.
    private async Task EndLeftBehindAsync()
    {
        IEnumerable<int> LeftBehind()
        {
            var master = Master;
            return backup.EndPoints.Select(ListeningSocket.HoldersOf)
                .SelectMany(holders => holders.Where(id => id != master
                    && (master is null || !holders.Contains(master.Value) || PostfixControl.IsToldToEnd(id)))).Distinct();
        }

        var processes = LeftBehind().ToList();
        if (processes.Count == 0)
            return;
        output.WriteLine($"end {string.Join(", ", processes.Select(ListeningSocket.Describe))}");
        await OutsideCommand.RunAsync(["kill", "-KILL", .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))], s_portLimit, time,
            CancellationToken.None);
        await Waiting.ForAsync(() => !LeftBehind().Any(), s_portLimit, time, CancellationToken.None);
    }

    private int? Master => PostfixControl.MasterIn(backup.QueueDirectory);

    private bool AreHeld() => Master is { } master && backup.EndPoints.All(endPoint => ListeningSocket.HoldersOf(endPoint).Contains(master));

    private bool IsPostfixsOrFree(IPEndPoint endPoint) =>
        ListeningSocket.IsTaken(endPoint)
            ? ListeningSocket.HoldersOf(endPoint) is { Count: > 0 } holders && holders.All(id => PostfixControl.IsDaemon(id, backup.QueueDirectory))
            : true;

    private string Holders() =>
        string.Join(", ",
            backup.EndPoints.SelectMany(endPoint => ListeningSocket.HoldersOf(endPoint).Select(id => $"{endPoint} is held by {ListeningSocket.Describe(id)}")));
}
