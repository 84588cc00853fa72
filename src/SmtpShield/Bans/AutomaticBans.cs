using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>
/// Bans clients for what they do: <c>shield_ban_threshold</c> hits of <c>shield_ban_rules</c> within <c>shield_ban_window</c>, ten times as many where the MTA
/// has accepted mail of them lately, or of others in the range of the ban. Never who is exempt, whose hits nobody counts, nor whom <see cref="NeverBanned"/>
/// names, nor while a brake is on; what was counted until then is forgotten, for it says nothing of the client.
/// </summary>
internal sealed partial class AutomaticBans : IDisposable
{
    private static readonly string OverRate = $"there are more than {BanBrakes.MostInASecond} a second, and others wait";
    private static readonly TimeSpan _betweenWarnings = TimeSpan.FromMinutes(1);

    private readonly BanTable _bans;
    private readonly BanHits _hits;
    private readonly BanBrakes _brakes;
    private readonly BanJudge _judge;
    private readonly AnvilTable _table;
    private readonly ShieldSnapshot _snapshot;
    private readonly ShieldMetrics _metrics;
    private readonly ILogger _log;
    private readonly AtMostOnce _fullWarning;
    private readonly AtMostOnce _rateWarning;
    private readonly ConcurrentDictionary<string, string> _suspended = new(StringComparer.Ordinal);

    /// <summary>Begins to count hits.</summary>
    public AutomaticBans(
        BanTable bans, BanBrakes brakes, NeverBanned never, AnvilTable table, ShieldSnapshot snapshot, ShieldMetrics metrics, TimeProvider time,
        ILogger<AutomaticBans> log)
        : this(bans, brakes, never, table, snapshot, metrics, time, log, Random.Shared)
    {
    }

    /// <summary>The same with known chance, for tests.</summary>
    internal AutomaticBans(
        BanTable bans, BanBrakes brakes, NeverBanned never, AnvilTable table, ShieldSnapshot snapshot, ShieldMetrics metrics, TimeProvider time,
        ILogger<AutomaticBans> log, Random random)
    {
        (_bans, _brakes, _table, _snapshot, _metrics, _log) = (bans, brakes, table, snapshot, metrics, log);
        _judge = new(never, table, time, random);
        _hits = new(time);
        _fullWarning = new(time, _betweenWarnings);
        _rateWarning = new(time, _betweenWarnings);
        table.Hit += Note;
    }

    /// <summary>Why no clients of a service are banned automatically, or not all that should be, by service.</summary>
    public IReadOnlyDictionary<string, string> Suspended => !_brakes.IsOverRate ? _suspended
        : Thresholds().Where(static one => one.Threshold > 0)
            .ToDictionary(static one => one.Service, one => _suspended.GetValueOrDefault(one.Service, OverRate), StringComparer.Ordinal);

    /// <summary>How many hits of a client count now.</summary>
    public int HitsOf(IPAddress address) => _hits.Of(RangeOf(address), _snapshot.Current.Bans.Window);

    /// <summary>Which range an automatic ban of an address has.</summary>
    public ClientRange RangeOf(IPAddress address) => _table.Deliveries.RangeOfBan(address);

    /// <summary>The hits of a client are forgotten.</summary>
    public void Forget(IPAddress address) => _hits.Forget(RangeOf(address));

    /// <summary>Looks at the brakes. To be called each second.</summary>
    public void Look()
    {
        _brakes.Look();
        if (_hits.IsEmpty && _suspended.IsEmpty)
            return;
        foreach (var (service, threshold) in Thresholds())
            Note(service, threshold > 0 ? _brakes.WhyNot(service) : null);
    }

    /// <inheritdoc />
    public void Dispose() => _table.Hit -= Note;

    private IEnumerable<(string Service, int Threshold)> Thresholds() =>
        _snapshot.Current.Services.DefaultIfEmpty(new(ServiceOptions.DefaultName, _snapshot.Current))
            .Select(static service => (service.Key, service.Value.Bans.Threshold));

    private void Note(string service, string? whyNot)
    {
        if (whyNot is null)
        {
            if (_suspended.TryRemove(service, out _))
                Log.GoOn(_log, service);
            return;
        }

        var isNew = !_suspended.ContainsKey(service);
        _suspended[service] = whyNot;
        if (!isNew)
            return;
        _hits.Clear();
        Log.Suspended(_log, service, whyNot);
    }

    private void Note(RuleHit hit)
    {
        var options = _snapshot.Current.Of(hit.Key.Service);
        if (options.Bans.Threshold == 0 || BanRules.Of(hit.Event) is not { } rule || !options.Bans.Rules.Contains(rule))
            return;

        _brakes.NoteHit(hit.Key.Client);
        if (_suspended.ContainsKey(hit.Key.Service))
            return;

        var range = RangeOf(hit.Address);
        var hits = _hits.Count(range, options.Bans.Window);
        if (_bans.Covering(range) is not null || !_judge.IsEnough(hit.Key.Client, hit.Address, hits, options.Bans.Threshold, options.Bans))
            return;

        if (_brakes.WhyNot(hit.Key.Service) is { } whyNot)
            Note(hit.Key.Service, whyNot);
        else
            Add(hit.Key.Service, range, rule, hits, options.Bans);
    }

    private void Add(string service, in ClientRange range, string rule, int hits, BanOptions options)
    {
        if (!_brakes.TryTakeTurn())
        {
            if (_rateWarning.IsDue())
                Log.TooMany(_log, BanBrakes.MostInASecond);
            return;
        }

        var ban = _judge.Begin(_bans, range, rule, hits, options);
        if (_bans.TryAdd(ban, out var before))
        {
            _hits.Forget(range);
            _metrics.OfService(service).NoteBan();
        }
        else if (before is null && _fullWarning.IsDue())
        {
            Log.Full(_log, options.TableSize);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2210, LogLevel.Warning, "ban: no automatic bans at service {Service}: {Reason}", EventName = "BansSuspended")]
        public static partial void Suspended(ILogger logger, string service, string reason);

        [LoggerMessage(2211, LogLevel.Information, "ban: automatic bans at service {Service} again", EventName = "BansGoOn")]
        public static partial void GoOn(ILogger logger, string service);

        [LoggerMessage(2212, LogLevel.Warning, "ban: no more bans: there are {Size} (shield_ban_table_size)", EventName = "BanTableFull")]
        public static partial void Full(ILogger logger, int size);

        [LoggerMessage(2213, LogLevel.Warning, "ban: more than {Most} bans in a second: others wait", EventName = "TooManyBans")]
        public static partial void TooMany(ILogger logger, int most);
    }
}
