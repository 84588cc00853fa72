using System.Globalization;
using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Bans;

/// <summary>
/// Keeps bans over a restart, in the file <c>bans</c> of the state directory, those in shadow in <c>shadow-bans</c>: read at start, written in the background
/// after a change, and before a command is answered. A line is <c>PREFIX SINCE UNTIL LEVEL RULE HITS ORIGIN "BY" "WHY"</c>, times in seconds since 1970; one
/// whose end is past says which level the next ban of this prefix has.
/// </summary>
internal sealed partial class BanFile : IHostedService
{
    /// <summary>The highest level a ban has: far above the one from which on it is no longer.</summary>
    public const int HighestLevel = 100;

    private const string Remembered = "-";

    private readonly BanTable _bans;
    private readonly ShieldSnapshot _snapshot;
    private readonly StateDirectory _directory;
    private readonly StateFile _file;
    private readonly TimeProvider _time;

    /// <summary>Reads the file.</summary>
    public BanFile(BanTable bans, StateDirectory directory, ShieldSnapshot snapshot, TimeProvider time, ILogger<BanFile> log)
        : this("bans", bans, directory, snapshot, time)
    {
        if (bans.Count > 0)
            Log.Restored(log, bans.Count);
    }

    /// <summary>The same of bans that refuse nobody, which no line of the log is about.</summary>
    /// <param name="bans">Those there would be.</param>
    /// <param name="directory">Where.</param>
    /// <param name="snapshot">The options.</param>
    /// <param name="time">The clock.</param>
    public static BanFile OfShadow(ShadowBans bans, StateDirectory directory, ShieldSnapshot snapshot, TimeProvider time) =>
        new("shadow-bans", bans.Table, directory, snapshot, time);

    private BanFile(string name, BanTable bans, StateDirectory directory, ShieldSnapshot snapshot, TimeProvider time)
    {
        (_bans, _snapshot, _directory, _time) = (bans, snapshot, directory, time);
        _file = directory.Open(name, Lines);
        var past = new List<(ClientRange Prefix, PastBan Ban)>();
        foreach (var (index, line) in _file.Load().Index())
        {
            if (!TryRead(line, past))
                _file.Skip(index + 1);
        }

        // The oldest first: it is forgotten first. Those that ended meanwhile stand among those in force.
        foreach (var (prefix, ban) in past.OrderBy(static one => one.Ban.Ended))
            bans.Restore(prefix, ban);

        bans.Changed += (_, _) => _file.NoteChange();
        bans.Forgotten += _file.NoteChange;
    }

    /// <summary>Whether there is a place to keep them.</summary>
    public bool IsKept => _directory.Path is not null;

    /// <summary>Writes them. When it returns true the disk has them, or nothing is kept.</summary>
    public bool Save() => _file.Save();

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _file.SaveChange();
        return Task.CompletedTask;
    }

    private IEnumerable<string> Lines()
    {
        foreach (var (prefix, past) in _bans.Past())
            yield return Line(prefix, past.Ended, past.Ended, past.Level, Remembered, 0, BanOrigin.Auto, "", "");
        foreach (var ban in _bans.All())
            yield return Line(ban.Prefix, ban.Since, ban.Until, ban.Level, ban.Rule, ban.Hits, ban.Origin, ban.By ?? "", ban.Why ?? "");
    }

    private static string Line(
        ClientRange prefix, DateTimeOffset since, DateTimeOffset until, int level, string rule, int hits, BanOrigin origin, string by, string why)
    {
        var (first, last, made) = (since.ToUnixTimeSeconds(), Up(until), origin == BanOrigin.Auto ? "auto" : "manual");
        return string.Create(CultureInfo.InvariantCulture,
            $"{prefix.Address}/{prefix.PrefixLength} {first} {last} {level} {rule} {hits} {made} {Quoted.Text(by)} {Quoted.Text(why)}");
    }

    private static long Up(DateTimeOffset time) => time.AddTicks(TimeSpan.TicksPerSecond - 1).ToUnixTimeSeconds();

    private bool TryRead(string line, List<(ClientRange Prefix, PastBan Ban)> past)
    {
        if (line.Split(' ', 8) is not [var prefix, var from, var to, var ofLevel, var rule, var ofHits, var origin, var words]
            || !IPNetwork.TryParse(prefix, out var network) || network.ToString() != prefix || network.BaseAddress.IsIPv4MappedToIPv6
            || !TryNumber(from, out var since) || !TryNumber(to, out var until) || !TryNumber(ofLevel, out var level) || !TryNumber(ofHits, out var hits)
            || until > DateTimeOffset.MaxValue.ToUnixTimeSeconds() || since > until || level > HighestLevel || hits > int.MaxValue
            || origin is not ("auto" or "manual") || !IsRule(rule) || !TryReadWords(words, out var by, out var why))
        {
            return false;
        }

        var range = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        var now = _time.GetUtcNow();
        var (begins, ends) = (DateTimeOffset.FromUnixTimeSeconds(since), DateTimeOffset.FromUnixTimeSeconds(until));

        // Where the clock was set back since, it lasts no longer than it was to, and one that is over stays over.
        if (begins > now)
            (begins, ends) = (now, now + (ends - begins));
        if (rule == Remembered && ends > now)
            ends = now;
        if (ends > now)
        {
            _bans.Restore(new Ban(range, begins, ends)
            {
                Level = (int)level,
                Rule = rule,
                Hits = (int)hits,
                Origin = origin == "auto" ? BanOrigin.Auto : BanOrigin.Manual,
                By = by.Length > 0 ? by : null,
                Why = why.Length > 0 ? why : null,
            });
        }
        else if (level > 0 && ends > now - _snapshot.Current.Bans.Memory)
        {
            past.Add((range, new PastBan((int)level, ends)));
        }

        return true;
    }

    private static bool TryReadWords(ReadOnlySpan<char> words, out string by, out string why)
    {
        why = "";
        return Quoted.TryTake(ref words, out by) && Quoted.TryTake(ref words, out why) && words.IsEmpty;
    }

    private static bool IsRule(string rule) => rule is Remembered or Ban.ByHand || BanOptions.KnownRules.Contains(rule);

    private static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static partial class Log
    {
        [LoggerMessage(2220, LogLevel.Information, "ban: {Count} bans go on", EventName = "BansRestored")]
        public static partial void Restored(ILogger logger, int count);
    }
}
