using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Control.Events;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.State;
using SmtpShield.Upgrade;

namespace SmtpShield.Control.Changes;

/// <summary><c>/v1/changes</c>: what operators changed, or were refused to, the last <see cref="Kept"/>, over restarts; and the log lines of it.</summary>
internal sealed partial class ControlAudit
{
    /// <summary>Changes that are kept.</summary>
    public const int Kept = 1000;

    private const string After = "after";
    private const string Service = "service";

    private readonly ShieldSnapshot _snapshot;
    private readonly EventStream _stream;
    private readonly TimeProvider _time;
    private readonly ILogger<ControlAudit> _log;
    private readonly Lock _gate = new();
    private readonly Queue<Change> _changes = new();
    private readonly ChangeFile _file;
    private long _last;

    /// <summary>With what was changed before.</summary>
    public ControlAudit(
        ShieldSnapshot snapshot, Exemptions exemptions, EventStream stream, StateDirectory state, TimeProvider time, ILogger<ControlAudit> log,
        Predecessor? predecessor = null)
    {
        (_snapshot, _stream, _time, _log) = (snapshot, stream, time, log);
        _file = new(state, () =>
        {
            lock (_gate)
                return [.. _changes];
        });
        foreach (var change in _file.Load())
            Add(change);
        exemptions.Ended += NoteEnd;
        if (predecessor is not null)
            predecessor.Left += () => NoteUpgrade(predecessor);
    }

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/changes", GetAsync);

    /// <summary>What somebody wants to change; not kept yet.</summary>
    public Change Begin(HttpContext context, string action, string target) => new(0, _time.GetUtcNow(), $"{Operator.Of(context)}", action, target);

    /// <summary>Does a change, and keeps and logs it, or that it was refused.</summary>
    /// <param name="change">What is wanted.</param>
    /// <param name="act">Does it, and completes what is known of it; throws a <see cref="ControlException"/> where it refuses.</param>
    public Task DoAsync(Change change, Func<Change, Task<Change>> act) => DoAsync(change, async wanted => [await act(wanted)]);

    /// <summary>The same with something that is several changes, all of them or none.</summary>
    /// <param name="change">What is wanted.</param>
    /// <param name="act">Does it, and says what was changed; nothing is kept of what changes nothing.</param>
    public async Task DoAsync(Change change, Func<Change, Task<IReadOnlyList<Change>>> act)
    {
        IReadOnlyList<Change> done;
        try
        {
            done = await act(change);
        }
        catch (ControlException exception)
        {
            Keep(change with { Refused = exception.Problem.Message });
            Log.ChangeRefused(_log, change.Action, change.Target, change.By, exception.Problem.Message);
            throw;
        }

        foreach (var one in done)
        {
            Keep(one);
            Log.ChangeDone(_log, one.Action, one.Target, LoggedBy(one), one.Logged ?? one.After ?? "done");
        }

        if (done.Count > 0)
            _file.Save();
    }

    /// <summary>Keeps a change, with the next number, and tells who watches the stream.</summary>
    public void Keep(Change change)
    {
        lock (_gate)
        {
            change = change with { Number = _last + 1 };
            Add(change);
            _stream.Publish(StreamTopic.Change, change);
        }

        _file.NoteChange();
    }

    /// <summary>A reason, as it is kept; null: none was given.</summary>
    public static string? Shown(string? why) => why is { Length: > 0 } ? AddressText.Shown(why) : null;

    private void Add(Change change)
    {
        if (_changes.Count == Kept)
            _changes.Dequeue();
        _changes.Enqueue(change);
        _last = change.Number;
    }

    private static string LoggedBy(Change change) => change.Why is { } why ? $"{change.By} {ClientText.Quote(Encoding.ASCII.GetBytes(why))}" : change.By;

    // The process before this one could not: what it keeps is here by then.
    private void NoteUpgrade(Predecessor predecessor) => Keep(new(0, _time.GetUtcNow(), predecessor.By, "upgrade", "program")
    {
        Before = $"version {predecessor.Version}",
        After = $"version {ShieldConfigurationWatcher.Version}",
    });

    private void NoteEnd(Exemption exemption)
    {
        Keep(new(0, _time.GetUtcNow(), "time", "disallow", $"{exemption.Prefix}") { Before = $"exempt by {exemption.By}", After = "not exempt" });
        Log.ExemptionEnded(_log, exemption.Prefix);
    }

    private Task GetAsync(HttpContext context)
    {
        var after = 0L;
        var query = ControlRequests.QueryOf(context, After, Service);
        if (query.TryGetValue(After, out var text)
            && !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out after))
        {
            throw ControlException.BadRequest("after is no number", "give the number of the last change you have", After);
        }

        ChangeList list;
        lock (_gate)
            list = new([.. _changes.Where(change => change.Number > after)], _changes.TryPeek(out var oldest) && oldest.Number > after + 1);
        if (query.TryGetValue(Service, out var service))
        {
            // One that is not served any more may have been changed.
            if (!_snapshot.Served.Contains(service) && list.Changes.All(change => change.Service != service))
                throw ControlException.NotFound($"no such service: {AddressText.Shown(service)}", $"there are {string.Join(", ", _snapshot.Served)}", Service);
            list = list with { Changes = [.. list.Changes.Where(change => change.Service is null || change.Service == service)] };
        }

        return ControlRequests.AnswerAsync(context, list, ControlJson.Default.ChangeList);
    }

    private static partial class Log
    {
        [LoggerMessage(2120, LogLevel.Information, "control: {Action} {Target} by {By}: {What}", EventName = "ChangeDone")]
        public static partial void ChangeDone(ILogger logger, string action, string target, string by, string what);

        [LoggerMessage(2121, LogLevel.Information, "control: {Action} {Target} by {By} refused: {Reason}", EventName = "ChangeRefused")]
        public static partial void ChangeRefused(ILogger logger, string action, string target, string by, string reason);

        [LoggerMessage(2122, LogLevel.Information, "control: the exemption of {Prefix} has ended", EventName = "ExemptionEnded")]
        public static partial void ExemptionEnded(ILogger logger, ClientRange prefix);
    }
}
