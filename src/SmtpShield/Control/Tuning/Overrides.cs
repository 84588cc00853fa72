using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.State;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// What operators have set on the running shield: puts it in force, one change after the other, ends what has an end, and keeps it over a restart in the file
/// <c>overrides</c> of the state directory. It is one more layer of the configuration: what may be in force, that decides.
/// </summary>
internal sealed partial class Overrides : IHostedLifecycleService, IDisposable
{
    /// <summary>How long ago a limit was hit that is needed now, at most.</summary>
    public static readonly TimeSpan HitLately = TimeSpan.FromMinutes(10);

    // Timers do not see that somebody has set the clock.
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(1);

    private readonly ShieldConfigurationWatcher _configuration;
    private readonly ClientRules _rules;
    private readonly ControlAudit _audit;
    private readonly LimitHitsLately _hits;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly StateFile _file;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly RevisionFile _revisions;
    private readonly ITimer _end;
    private volatile OverrideList _list = OverrideList.Empty;

    /// <summary>Nothing is set yet: what was kept comes when the host starts.</summary>
    public Overrides(
        ShieldConfigurationWatcher configuration, ClientRules rules, ControlAudit audit, LimitHitsLately hits, StateDirectory state, TimeProvider time,
        ILogger<Overrides> log)
    {
        (_configuration, _rules, _audit, _hits, _time, _log) = (configuration, rules, audit, hits, time, log);
        _file = state.Open("overrides", () => _list.All.Select(OverrideLine.Write));
        _revisions = new(state);
        _end = time.CreateTimer(static overrides => _ = ((Overrides)overrides!).EndAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        IsKept = state.Path is not null;
        _configuration.Reloaded += NoteReload;
    }

    /// <summary>Whether they outlive the process.</summary>
    public bool IsKept { get; }

    /// <summary>Those in force.</summary>
    public OverrideList All => _list;

    /// <summary>Those that services go by, with the parameter's plain name.</summary>
    public IEnumerable<(string Service, string Name, Override Override)> InForce()
    {
        var (list, origins) = (_list, _configuration.Origins);
        string[] names = [.. list.Names.Select(PlainName).Distinct()];
        foreach (var service in names.Length > 0 ? _rules.Configured : [])
        {
            foreach (var name in names)
            {
                if (origins.Of(service, name) == SourceLocation.RunTime && (list.Top(ServiceParameter.Write(service, name)) ?? list.Top(name)) is { } one)
                    yield return (service, name, one);
            }
        }
    }

    /// <summary>Changes what is set.</summary>
    /// <param name="change">The change, of the list there is; what it refuses it throws.</param>
    /// <param name="names">The parameters the change is about, of the list there is: looked at before and behind it.</param>
    /// <param name="revision">The revision it is meant for; null: any.</param>
    /// <param name="isDryRun">Whether to change nothing.</param>
    /// <exception cref="ControlException">Another revision is in force, or the configuration refuses it: with all problems.</exception>
    public async Task<OverridesChange> ChangeAsync(
        Func<OverrideList, OverrideList> change, Func<OverrideList, IEnumerable<string>> names, int? revision, bool isDryRun)
    {
        await _turn.WaitAsync();
        try
        {
            // Those whose time is over while their timer has not come yet end with this change. If they can't, that is not this change's fault.
            var from = _list.At(_time.GetUtcNow());
            var ended = _list.All.Except(from.All).ToList();
            string[] plain = [.. names(from).Concat(ended.Select(static one => one.Name)).Select(PlainName).Distinct()];
            while (true)
            {
                var (next, done) = await ChangeAsync(from, change, plain, revision, isDryRun);
                if (done.Result.Options is { } options)
                {
                    var isSaved = isDryRun || Adopt(next, done.Generation);
                    foreach (var one in isDryRun ? [] : ended)
                        NoteEnd(one, done.After);
                    return new(done.Generation, next, options, done.Before, done.After, isSaved);
                }

                if (ended.Count == 0)
                    throw Refused(done.Result);
                (from, ended) = (_list, []);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>What was set at a revision; of what has an end, what would still be in force.</summary>
    /// <exception cref="ControlException">It is not kept, or has never been.</exception>
    public OverrideList At(int revision)
    {
        if (_revisions.Find(revision) is { } list)
            return list.At(_time.GetUtcNow());
        throw ControlException.NotFound($"no such revision: {revision}", $"there are {_revisions.Oldest} to {_configuration.Generation}", "to");
    }

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var kept = Load();
            // Nothing is set at the first number: it is used only if nothing comes into force with what is set.
            var last = _revisions.Load(one => WhyNot(one) is null);
            if (last > 0)
                _configuration.GoOnAt(last);
            else
                _revisions.Note(_configuration.Generation, _list);
            if ((kept.Count == 0 || !await TryRestoreAsync(kept)) && last > 0)
            {
                _configuration.GoOnAt(last + 1);
                _revisions.Note(last + 1, _list);
            }

            _revisions.Save();
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        _configuration.Reloaded -= NoteReload;
        _end.Dispose();
    }

    private static void Require(int? revision, int current)
    {
        if (revision is { } wanted && wanted != current)
        {
            throw new ControlException(
                Microsoft.AspNetCore.Http.StatusCodes.Status412PreconditionFailed,
                new ControlProblem($"revision {current} is in force, not {wanted}", "look at what has changed: smtpshield changes, smtpshield limits"));
        }
    }

    private static void RequireRoom(OverrideList list)
    {
        if (list.All.Count > OverrideList.Capacity)
        {
            throw new ControlException(
                Microsoft.AspNetCore.Http.StatusCodes.Status409Conflict,
                new ControlProblem(
                    $"there are {OverrideList.Capacity} values set at run time, and no room for another one", "reset one, or write it into main.cf"));
        }
    }

    private static ControlException Refused(ShieldConfigurationResult result) => new(
        Microsoft.AspNetCore.Http.StatusCodes.Status422UnprocessableEntity,
        [.. result.Errors.Take(Status.ConfigurationReport.MostProblems).Select(ControlProblem.Of)]);

    private static string Until(Override one) => one.Until is { } until ? $"until {OverrideLine.Text(until)}" : "until it is reset";

    private static string PlainName(string name) => ServiceParameter.TryParse(name, out var parameter) ? parameter.Name : name;

    private async Task<(OverrideList Next, RunTimeChange<IReadOnlyList<ParameterView>> Done)> ChangeAsync(
        OverrideList from, Func<OverrideList, OverrideList> change, IReadOnlyCollection<string> names, int? revision, bool isTrial)
    {
        var (next, services) = (from, _rules.Configured);
        var done = await _configuration.ChangeAsync(
            current =>
            {
                Require(revision, current);
                next = change(from);
                RequireRoom(next);
                return next.Values;
            },
            configuration => ParameterView.Of(configuration, services, names),
            isTrial,
            CancellationToken.None);
        return (next, done);
    }

    // False: it is in force, but not on disk.
    private bool Adopt(OverrideList list, int generation)
    {
        _list = list;
        _revisions.Note(generation, list);
        Wait();
        return _revisions.Save() & _file.Save();
    }

    private void Wait()
    {
        if (_list.NextEnd is { } next)
            Wait(next);
    }

    private void Wait(DateTimeOffset next)
    {
        var left = next - _time.GetUtcNow();
        _end.Change(left < TimeSpan.Zero ? TimeSpan.Zero : left < _longestWait ? left : _longestWait, Timeout.InfiniteTimeSpan);
    }

    private List<Override> Load()
    {
        var kept = new List<Override>();
        foreach (var (index, line) in _file.Load().Index())
        {
            if (kept.Count < OverrideList.Capacity && OverrideLine.Read(line) is { } one)
                kept.Add(one);
            else
                _file.Skip(index + 1);
        }

        return kept;
    }

    // Together; if they do not go with the configuration of today, those that do, one after the other.
    // False: nothing has come into force.
    private async Task<bool> TryRestoreAsync(List<Override> kept)
    {
        var now = _time.GetUtcNow();
        var list = OverrideList.Empty;
        foreach (var one in kept)
        {
            if (!one.IsInForce(now))
                NoteEnd(one, []);
            else if (WhyNot(one) is { } reason)
                Drop(one, reason);
            else
                list = list.With(one);
        }

        if (!await IsValidAsync(list))
        {
            var all = list.All;
            if (await WhyInvalidAsync(OverrideList.Empty) is { } without)
            {
                // None of them is to blame: the next start may take them.
                Log.NotRestored(_log, all.Count, without);
                return false;
            }

            list = OverrideList.Empty;
            foreach (var one in all)
            {
                if (await IsValidAsync(list.With(one)))
                    list = list.With(one);
                else
                    Drop(one, "the configuration has an error with it");
            }
        }

        var done = await _configuration.ChangeAsync(_ => list.Values, static _ => 0, isTrial: false, CancellationToken.None);
        if (done.Result.Options is null)
        {
            Log.NotRestored(_log, list.All.Count, done.Result.Errors.First().ToString());
            return false;
        }

        Adopt(list, done.Generation);
        if (list.All.Count > 0)
            Log.Restored(_log, list.All.Count);
        return true;
    }

    private async Task<bool> IsValidAsync(OverrideList list) => await WhyInvalidAsync(list) is null;

    private async Task<string?> WhyInvalidAsync(OverrideList list)
    {
        var tried = await _configuration.ChangeAsync(_ => list.Values, static _ => 0, isTrial: true, CancellationToken.None);
        return tried.Result.Options is null ? tried.Result.Errors.First().ToString() : null;
    }

    // Of another version of the shield, or written by hand: the file is no way around what may be set.
    private string? WhyNot(Override one)
    {
        var name = PlainName(one.Name);
        if (!TunableParameters.Contains(name))
            return "there is no such parameter that may be set at run time";
        return IsOfNoService(one) ? "there is no such service any more" : RunTimeValue.WhyNot(ParameterCatalog.All[name], one.Value)?.Message;
    }

    private bool IsOfNoService(Override one) => ServiceParameter.TryParse(one.Name, out var parameter) && !_rules.Configured.Contains(parameter.Service);

    // Null: it is for all.
    private static string? ServiceOf(Override one) => ServiceParameter.TryParse(one.Name, out var parameter) ? parameter.Service : null;

    private void Drop(Override one, string reason)
    {
        Log.Dropped(_log, one.Name, one.Value, reason);
        _audit.Keep(new(0, _time.GetUtcNow(), "configuration", "reset", one.Name)
        {
            Service = ServiceOf(one), Before = one.Value, After = $"dropped: {reason}",
        });
    }

    private async Task EndAsync()
    {
        try
        {
            await _turn.WaitAsync();
        }
        catch (ObjectDisposedException)
        {
            return;
        }

        try
        {
            var ended = _list.All.Where(one => !one.IsInForce(_time.GetUtcNow())).ToList();
            if (ended.Count == 0)
            {
                Wait();
                return;
            }

            // Whatever comes of it, it is tried again.
            _end.Change(_longestWait, Timeout.InfiniteTimeSpan);
            // Together; if the configuration has an error without them, each by itself: one that can't end keeps no other one in force.
            if (await TryEndAsync(ended) is not { } reason)
                return;
            foreach (var one in ended)
            {
                if ((ended.Count == 1 ? reason : await TryEndAsync([one])) is { } its)
                    Log.NotEnded(_log, one.Name, one.Value, its);
            }

            var now = _time.GetUtcNow();
            Wait(_list.At(now).NextEnd ?? now + _longestWait);
        }
        finally
        {
            _turn.Release();
        }
    }

    // Null: done.
    private async Task<string?> TryEndAsync(IReadOnlyCollection<Override> ended)
    {
        var next = new OverrideList([.. _list.All.Except(ended)]);
        var services = _rules.Configured;
        string[] names = [.. ended.Select(static one => PlainName(one.Name)).Distinct()];
        var done = await _configuration.ChangeAsync(
            _ => next.Values, configuration => ParameterView.Of(configuration, services, names), isTrial: false, CancellationToken.None);
        if (done.Result.Options is null)
            return done.Result.Errors.First().ToString();

        Adopt(next, done.Generation);
        foreach (var one in ended)
            NoteEnd(one, done.After);
        return null;
    }

    private void NoteEnd(Override one, IEnumerable<ParameterView> now)
    {
        var views = now.Where(view => one.Name == view.Written || one.Name == ServiceParameter.Write(view.Service, view.Name)).ToList();
        var values = views.Count == 0 ? "the value of the configuration" : string.Join(", ", views
            .GroupBy(static view => $"{view.Value} ({view.Location.Origin})")
            .Select(same => views.Count == same.Count() ? same.Key : $"{string.Join(' ', same.Select(static view => view.Service))} {same.Key}"));
        // They are served until the restart by what was in force for them last, this value perhaps included.
        if (_rules.Services.Except(_rules.Configured).Where(service => one.Name == PlainName(one.Name)).ToList() is { Count: > 0 } gone)
            values += $"; until the restart {string.Join(' ', gone)} keeps what it had";
        var hits = views.Sum(view => _hits.Of(view.Service, view.Name, HitLately) ?? 0);
        if (hits > 0)
            Log.EndedWhileHit(_log, one.Name, one.Value, values, hits);
        else
            Log.Ended(_log, one.Name, one.Value, values);
        _audit.Keep(new(0, _time.GetUtcNow(), "time", "reset", one.Name) { Service = ServiceOf(one), Before = one.Value, After = values });
    }

    private void NoteReload()
    {
        _revisions.Note(_configuration.Generation);
        _ = Task.Run(ReviewAsync);
    }

    // The file may have lost a service, or set what is overridden.
    private async Task ReviewAsync()
    {
        await _turn.WaitAsync();
        try
        {
            _revisions.Save();
            if (_list.All.Count == 0)
                return;
            var gone = _list.All.Where(IsOfNoService).ToList();
            if (gone.Count > 0)
            {
                var next = new OverrideList([.. _list.All.Except(gone)]);
                var done = await _configuration.ChangeAsync(_ => next.Values, static _ => 0, isTrial: false, CancellationToken.None);
                if (done.Result.Options is not null)
                {
                    Adopt(next, done.Generation);
                    foreach (var one in gone)
                        Drop(one, "there is no such service any more");
                }
            }

            var written = await _configuration.LookAsync(
                (configuration, _) => _list.Names.Where(configuration.File.Entries.ContainsKey).Select(name => configuration.File.Entries[name]).ToList(),
                CancellationToken.None);
            foreach (var entry in written)
            {
                if (_list.Top(entry.Name) is { } one)
                    Log.Stays(_log, one.Name, one.Value, Until(one), $"{Path.GetFileName(_configuration.File)}:{entry.Line}", OneLine(entry.Value));
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private static string OneLine(string value) => AddressText.Shown(value.ReplaceLineEndings(" "));
}
