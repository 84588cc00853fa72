using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Shadow;

namespace SmtpShield.Bans;

/// <summary>
/// The bans there would be, were limits and automatic bans that are in shadow in force: begun by the rules of <see cref="AutomaticBans"/>, with brakes of their
/// own, from hits in force and those in shadow. Nobody is refused for one; a client's connections within are ghosts. Hits in shadow lead to no other ban.
/// </summary>
/// <remarks>
/// As many as <c>shield_ban_table_size</c>, and the hits of 65536 clients. A hit in force costs a look at the options while nothing is in shadow. Hits behind
/// a would-be end of their session count, where they are in force, so a ban may begin earlier than it would.
/// </remarks>
internal sealed partial class ShadowBans : IBansInShadow, IDisposable
{
    /// <summary>Lines a second about bans that end.</summary>
    public const int MostLines = 50;

    private readonly AutomaticBans _automatic;
    private readonly BanTable _inForce;
    private readonly BanTable _bans;
    private readonly BanHits _hits;
    private readonly BanBrakes _brakes;
    private readonly NeverBanned _never;
    private readonly BanJudge _judge;
    private readonly AnvilTable _table;
    private readonly ShieldSnapshot _snapshot;
    private readonly ShadowBookOf _bookOf;
    private readonly ILogger _log;
    private volatile Seen _seen;
    private volatile HashSet<string> _suspended = [];
    private int _lines;

    /// <summary>Begins to count hits.</summary>
    public ShadowBans(
        AutomaticBans automatic, BanTable inForce, MtaTrouble troubleAt, NeverBanned never, AnvilTable table, ShieldSnapshot snapshot, ShadowBookOf bookOf,
        TimeProvider time, ILogger<ShadowBans> log)
        : this(automatic, inForce, troubleAt, never, table, snapshot, bookOf, time, log, Random.Shared)
    {
    }

    /// <summary>The same with known chance, for tests.</summary>
    internal ShadowBans(
        AutomaticBans automatic, BanTable inForce, MtaTrouble troubleAt, NeverBanned never, AnvilTable table, ShieldSnapshot snapshot, ShadowBookOf bookOf,
        TimeProvider time, ILogger<ShadowBans> log, Random random)
    {
        (_automatic, _inForce, _never, _table, _snapshot, _bookOf, _log) = (automatic, inForce, never, table, snapshot, bookOf, log);
        (_bans, _hits, _brakes, _judge) = (new(snapshot, time), new(time), new(table, troubleAt, time), new(never, table, time, random));
        _seen = new(snapshot.Current);
        _bans.Changed += Note;
        // Behind those that are made: what a hit leads to in force is known by then.
        table.Hit += NoteHit;
    }

    /// <summary>The bans there would be now, to be kept over a restart.</summary>
    public BanTable Table => _bans;

    /// <summary>The ban an address would have; null: none.</summary>
    public Ban? Find(IPAddress address) => _bans.Find(address);

    /// <summary>How many hits of an address count now.</summary>
    public int HitsOf(IPAddress address) => _hits.Of(_automatic.RangeOf(address), _snapshot.Current.Bans.Window);

    /// <inheritdoc/>
    public bool IsBanned(string service, ClientIdentity client) =>
        _bans.Count > 0 && _bans.Find(client.Address) is not null && _never.WhyNot(_snapshot.Current.Of(service), client) is null;

    /// <inheritdoc/>
    public void NoteRefused(ClientIdentity client) => _bans.Find(client.Address)?.NoteRefused();

    /// <inheritdoc/>
    public void NoteHit(in AnvilKey key, IPAddress address, string rule)
    {
        var options = _snapshot.Current.Of(key.Service);
        var range = _automatic.RangeOf(address);
        if (ThresholdOf(options) is not (> 0 and var threshold) || !options.Bans.Rules.Contains(rule) || _bans.Covering(range) is not null)
            return;

        _brakes.NoteHit(key.Client);
        if (_suspended.Contains(key.Service))
            return;
        var hits = _hits.Count(range, options.Bans.Window);
        if (_inForce.Covering(range) is not null)
            _hits.Forget(range);
        else if (_judge.IsEnough(key.Client, address, hits, threshold, options.Bans) && _brakes.WhyNot(key.Service) is null && _brakes.TryTakeTurn())
            Begin(key, _judge.Begin(_bans, range, rule, hits, options.Bans), threshold);
    }

    /// <summary>The client is let in: its hits, and the ban of exactly this prefix, are forgotten.</summary>
    public void Forget(in ClientRange prefix)
    {
        _hits.Forget(_automatic.RangeOf(prefix.Address));
        _bans.Lift(prefix);
    }

    /// <summary>Begins anew.</summary>
    public void Reset()
    {
        _hits.Clear();
        foreach (var ban in _bans.All())
            _bans.Lift(ban.Prefix);
        foreach (var (prefix, _) in _bans.Past())
            _bans.Lift(prefix);
    }

    /// <summary>Ends bans, and looks at the brakes. To be called each second.</summary>
    public void Look()
    {
        _lines = 0;
        _bans.RemoveEnded();
        _brakes.Look();
        if (_hits.IsEmpty && _suspended.Count == 0)
            return;

        HashSet<string> suspended = [.. ServicesOf(_snapshot.Current).Where(one => ThresholdOf(one.Options) > 0 && _brakes.WhyNot(one.Name) is not null)
            .Select(static one => one.Name)];
        // What was counted until then says nothing of the clients.
        if (!suspended.IsSubsetOf(_suspended))
            _hits.Clear();
        _suspended = suspended;
    }

    /// <inheritdoc/>
    public void Dispose() => _table.Hit -= NoteHit;

    private static IEnumerable<(string Name, ShieldOptions Options)> ServicesOf(ShieldOptions options) =>
        options.Services.DefaultIfEmpty(new(ServiceOptions.DefaultName, options)).Select(static one => (one.Key, one.Value));

    private static int ThresholdOf(ShieldOptions options) => options.InShadow is { Bans.Threshold: > 0 and var judged } ? judged : options.Bans.Threshold;

    private bool IsAnythingInShadow
    {
        get
        {
            var current = _snapshot.Current;
            if (!ReferenceEquals(_seen.Options, current))
                _seen = new(current);
            return _seen.HasBans;
        }
    }

    private void NoteHit(RuleHit hit)
    {
        if (IsAnythingInShadow && BanRules.Of(hit.Event) is { } rule)
            NoteHit(hit.Key, hit.Address, rule);
    }

    private void Begin(in AnvilKey key, Ban ban, int threshold)
    {
        if (!_bans.TryAdd(ban, out _))
            return;
        _hits.Forget(ban.Prefix);
        if (_bookOf(key.Service).NoteHit(key, name: null, ShadowRules.BanThreshold, ban.Hits, threshold))
            Log.Banned(_log, BanLog.PrefixOf(ban), BanLog.SecondsOf(ban), ban.Level, ban.Rule, ban.Hits, (int)_bans.HitWindow.TotalSeconds);
    }

    private void Note(Ban ban, BanChangeKind kind)
    {
        if (kind == BanChangeKind.Ended && Interlocked.Increment(ref _lines) <= MostLines)
            Log.Ended(_log, BanLog.PrefixOf(ban), ban.Refused);
    }

    // Whether hits in shadow would lead to bans anywhere, as of some options.
    private sealed class Seen(ShieldOptions options)
    {
        public ShieldOptions Options => options;

        public bool HasBans { get; } = ServicesOf(options).Any(static one => one.Options.InShadow is { Bans.Threshold: > 0 }
            || one.Options.UnderStress is { InShadow.Bans.Threshold: > 0 });
    }

    private static partial class Log
    {
        [LoggerMessage(2250, LogLevel.Information, "ban (shadow): {Prefix} for {Seconds}s, level {Level}: {Rule}, {Hits} hits in {Window}s",
            EventName = "BannedInShadow")]
        public static partial void Banned(ILogger logger, string prefix, long seconds, int level, string rule, int hits, int window);

        [LoggerMessage(2252, LogLevel.Information, "ban (shadow): {Prefix} ended, {Count} connections", EventName = "BanEndedInShadow")]
        public static partial void Ended(ILogger logger, string prefix, long count);
    }
}
