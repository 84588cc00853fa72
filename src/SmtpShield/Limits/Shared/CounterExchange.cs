using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Says to a partition of a store what this shield counts, and hears what others do: one exchange at a time. What is said is absolute, so an exchange that
/// fails, is late or happens twice does no harm; the next one says the same again.
/// </summary>
internal sealed class CounterExchange
{
    /// <summary>Reports an exchange has at most: some two milliseconds of the store.</summary>
    public const int MostReports = 200;

    /// <summary>An answer that takes longer is none.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>No event waits for longer, and then none does until the store has answered in time.</summary>
    public static readonly TimeSpan WaitPatience = TimeSpan.FromMilliseconds(100);

    // Above the first, clients far from a limit make no exchange begin at once, until there are fewer than the second: they have what room others leave.
    private const int LargeBacklog = 20_000;
    private const int SmallBacklog = 5_000;

    private static readonly TimeSpan ShortestExpiry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BehindUnit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(2);

    private readonly AnvilTable _table;
    private readonly ShieldSnapshot _snapshot;
    private readonly TimeProvider _time;
    private readonly SharedRules _rules;
    private readonly SharedTable _shared;
    private readonly string _owner = NewName();
    private readonly List<ClientReport> _reports = new(MostReports);
    private ShieldOptions? _options;
    private IReadOnlyList<SharedService> _services = [];
    private string _settings = "";
    private string _written = "";
    private string _epoch = "";
    private string _steppedEpoch = "";
    private long _told;
    private long _sequence;
    private long _acknowledged;
    private long _cursor;
    private long _deaths;
    private long _changes;
    private bool _asksForNames;
    private bool _isBusy;
    private int _urgent;
    private bool _waits;
    private int _overAt;
    private long _storeTime;
    private long _answeredAt;
    private long _refreshedAt;

    /// <summary>Begins to share; nothing is said yet.</summary>
    /// <param name="table">The table.</param>
    /// <param name="shared">Its side of the partition.</param>
    /// <param name="snapshot">The options.</param>
    /// <param name="time">The clock.</param>
    public CounterExchange(AnvilTable table, SharedTable shared, ShieldSnapshot snapshot, TimeProvider time)
    {
        (_table, _shared, _rules, _snapshot, _time) = (table, shared, shared.Rules, snapshot, time);
        _answeredAt = _refreshedAt = time.GetTimestamp();
    }

    /// <summary>Shields that share, this one included, as far as it knows.</summary>
    public int Members { get; private set; } = 1;

    /// <summary>What this shield has written into the store, for others to compare.</summary>
    public string Settings => _settings;

    /// <summary>Completes when an exchange is to begin as soon as it can: somebody waits for it.</summary>
    public Task IsAwaited => _rules.Hurry.Task;

    /// <summary>Records that wait to be reported.</summary>
    public int Backlog => _shared.Backlog;

    /// <summary>When the store has answered last; when sharing began, before it has.</summary>
    public long AnsweredAt => Volatile.Read(ref _answeredAt);

    /// <summary>Whether it has answered the last exchange.</summary>
    public bool IsAnswered => _rules.IsAnswered;

    private TimeSpan Expiry => TimeSpan.FromTicks(Math.Max(ShortestExpiry.Ticks, (_snapshot.Current.Anvil.RateTimeUnit + BehindUnit).Ticks));

    /// <summary>One exchange.</summary>
    /// <param name="store">The partition of the store.</param>
    /// <param name="leaves">Whether it is the last one.</param>
    public async Task<ExchangeResult> ExchangeAsync(IStorePartition store, bool leaves)
    {
        var options = _snapshot.Current;
        TakeOptions(options);
        Refresh();
        _rules.Hurry.Reset();
        TakeReports();
        try
        {
            var call = CallOf(options, leaves);
            var begun = _time.GetTimestamp();
            var answering = store.ExchangeAsync(call);
            await AnswerInTimeAsync(answering).ConfigureAwait(false);
            var answer = await answering.WaitAsync(Left(Patience, _time.GetElapsedTime(begun)), _time).ConfigureAwait(false);
            if (answer is not null)
                return Apply(answer, call);

            // A later call was there before this one: it is said again with the next number.
            _shared.PutBack(_reports);
            return new(Failure: null);
        }
        catch (Exception away)
        {
            // The store is an adviser: whatever comes of asking it, the shield goes on.
            _rules.IsAnswered = false;
            _shared.PutBack(_reports);
            _rules.KnowsOpen = _time.GetElapsedTime(_answeredAt) < options.Sharing.Lease;
            return new(away switch
            {
                SharedStoreException => away.Message,
                TimeoutException => "timeout",
                _ => $"a bug, report it: {away.GetType().Name}",
            });
        }
    }

    private static string NewName() => Guid.NewGuid().ToString("N")[..16];

    // Who waits does so for a while only; a late answer is as good as any other, but for them.
    private async Task AnswerInTimeAsync(Task answering)
    {
        if (!_waits || answering.IsCompleted)
            return;

        await answering.WaitAsync(PatienceLeft(), _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (answering.IsCompleted)
            return;

        _rules.IsAnswered = false;
        _shared.LetGo(_reports);
    }

    private TimeSpan PatienceLeft()
    {
        var now = _table.Milliseconds;
        var since = now;
        foreach (var report in _reports)
        {
            for (var wait = report.Waits; wait is not null; wait = wait.Earlier)
                since = Math.Min(since, wait.Since);
        }

        return Left(WaitPatience, TimeSpan.FromMilliseconds(now - since));
    }

    private static TimeSpan Left(TimeSpan patience, TimeSpan passed) => patience > passed ? patience - passed : TimeSpan.Zero;

    private void TakeOptions(ShieldOptions options)
    {
        if (ReferenceEquals(_options, options))
            return;

        _options = options;
        _services = [.. SharingTerms.ServicesOf(_snapshot, options).Select(name =>
            SharedService.Of(name, options.Of(name).Limits) with { Mode = options.Of(name).Sharing.Mode })];
        _waits = _services.Any(static service => service.Mode is not SharingMode.Async);
        _settings = SharingSettings.Of(options, _services);
        UseLimits();
    }

    private void UseLimits()
    {
        var limits = new SharedLimits?[byte.MaxValue + 1];
        foreach (var service in _services)
            limits[_table.NumberOf(service.Name)] = new(service, Members);
        _rules.Use(limits);
    }

    private void TakeReports()
    {
        _reports.Clear();
        _shared.Take(SharedTurn.Awaited, _reports, MostReports);
        _shared.Take(SharedTurn.Near, _reports, MostReports);
        _shared.Take(SharedTurn.Open, _reports, MostReports);
        _urgent = _reports.Count;
        var backlog = _shared.Backlog;
        _isBusy = _isBusy ? backlog > SmallBacklog : backlog > LargeBacklog;
        _shared.Take(SharedTurn.Rest, _reports, MostReports);
        if (_table.Second == _overAt)
            return;

        _overAt = _table.Second;
        _shared.Take(SharedTurn.Over, _reports, MostReports);
    }

    // Those with connections are said again, each a third of the time a record lives; what others have and was not heard of is asked for.
    private void Refresh()
    {
        var passed = _time.GetElapsedTime(_refreshedAt);
        var round = Expiry / 3;
        if (_shared.Refresh(passed / round, _table.Second - (int)(Expiry * 5 / 6).TotalSeconds))
            _refreshedAt = _time.GetTimestamp();
    }

    private ExchangeCall CallOf(ShieldOptions options, bool leaves) => new()
    {
        Owner = _owner,
        Told = _told,
        Sequence = ++_sequence,
        Acknowledged = _acknowledged,
        SteppedEpoch = _steppedEpoch,
        Epoch = _epoch,
        NewEpoch = NewName(),
        Unit = TimeSpan.FromSeconds(AnvilWindow.Of(options.Anvil).Unit),
        Lease = options.Sharing.Lease,
        Expiry = Expiry,
        Cursor = _cursor,
        Leaves = leaves,
        NamesMembers = _asksForNames,
        Settings = _written == _settings ? "" : _settings,
        Services = _services,
        Reports = _reports,
    };

    private ExchangeResult Apply(ExchangeAnswer answer, ExchangeCall call)
    {
        if (NoteTime(answer))
        {
            // Its windows are not where they were: nothing of the answer counts, and the next call ends the epoch.
            _shared.PutBack(_reports);
            return new(Failure: null);
        }

        for (var i = 0; i < call.Reports.Count; i++)
            _shared.Apply(call.Reports[i], answer.Counts[i]);
        foreach (var (client, counts) in answer.News)
        {
            if (ExchangeFormat.TryReadClient(client, _services, out var key))
                _shared.ApplyNews(key, counts);
        }

        var (resend, resent) = (ResendReason.None, 0);
        if (answer.AsksForEverything)
        {
            resend = _epoch.Length == 0 ? ResendReason.Joined : _epoch != answer.Epoch ? ResendReason.Lost : ResendReason.Dead;
            resent = _shared.ReportEverything();
        }
        else if (answer.Deaths != _deaths)
        {
            _shared.AskForOpen();
        }

        var isKnown = answer.Epoch == _epoch;
        (_epoch, _told, _cursor, _deaths, _acknowledged) = (answer.Epoch, answer.Told, answer.Cursor, answer.Deaths, call.Sequence);
        // A new epoch has forgotten them.
        _written = isKnown || call.Settings.Length > 0 ? _settings : "";
        _asksForNames = !isKnown || answer.Changes != _changes;
        _changes = answer.Changes;
        if (Members != answer.Members)
        {
            Members = answer.Members;
            UseLimits();
        }

        _rules.KnowsOpen = true;
        _rules.IsAnswered = true;
        return new(Failure: null)
        {
            HasMore = _shared.Backlog > 0 && (_isBusy ? _urgent : call.Reports.Count) == MostReports,
            Resend = resend,
            Resent = resent,
            Members = call.NamesMembers ? answer.MemberSettings : null,
        };
    }

    // The store's clock counts only in steps: it must pass as this one does between two answers. Whether it did not.
    private bool NoteTime(ExchangeAnswer answer)
    {
        var now = _time.GetTimestamp();
        var difference = _epoch == answer.Epoch && _storeTime != 0
            ? TimeSpan.FromMilliseconds(answer.Time - _storeTime) - _time.GetElapsedTime(_answeredAt, now) : TimeSpan.Zero;
        _storeTime = answer.Time;
        Volatile.Write(ref _answeredAt, now);
        if (difference.Duration() <= ClockTolerance)
            return false;

        _steppedEpoch = _epoch;
        return true;
    }
}
