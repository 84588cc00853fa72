using System.Globalization;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.State;

namespace SmtpShield.Bans;

/// <summary>
/// The lines of the log about bans: that one begins and ends, and once a minute how many connections it has refused, for the <see cref="MostAMinute"/> that had
/// most of them.
/// </summary>
internal sealed partial class BanLog
{
    /// <summary>Bans that have a line of their own in a minute.</summary>
    public const int MostAMinute = 20;

    /// <summary>What a line about refused connections is over.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(60);

    private readonly BanTable _bans;
    private readonly ILogger _log;

    /// <summary>Begins to log.</summary>
    public BanLog(BanTable bans, ILogger<BanLog> log)
    {
        (_bans, _log) = (bans, log);
        bans.Changed += Note;
    }

    /// <summary>A ban was lifted.</summary>
    /// <param name="ban">The ban.</param>
    /// <param name="by">Who did it.</param>
    public void NoteLifted(Ban ban, string by) => Log.Lifted(_log, PrefixOf(ban), by);

    /// <summary>Logs what was refused since the last time. To be called each <see cref="Interval"/>.</summary>
    public void Summarize()
    {
        var refused = _bans.All().Select(static ban => (Ban: ban, Count: ban.TakeUntold())).Where(static one => one.Count > 0)
            .OrderByDescending(static one => one.Count).ToList();
        foreach (var (ban, count) in refused.Take(MostAMinute))
            Log.Refused(_log, count, PrefixOf(ban), (int)Interval.TotalSeconds);
        if (refused.Count > MostAMinute)
        {
            Log.RefusedOthers(
                _log, refused.Skip(MostAMinute).Sum(static one => one.Count), refused.Count - MostAMinute, (int)Interval.TotalSeconds);
        }
    }

    /// <summary>The prefix with its length, of one address too.</summary>
    public static string PrefixOf(Ban ban) => PrefixOf(ban.Prefix);

    /// <inheritdoc cref="PrefixOf(Ban)"/>
    public static string PrefixOf(in ClientRange prefix) => string.Create(CultureInfo.InvariantCulture, $"{prefix.Address}/{prefix.PrefixLength}");

    private void Note(Ban ban, BanChangeKind kind)
    {
        if (kind == BanChangeKind.Ended)
            Log.Ended(_log, PrefixOf(ban), ban.Refused);
        else if (kind == BanChangeKind.Began && ban is { Origin: BanOrigin.Auto, By: { } shield })
            Log.BannedElsewhere(_log, PrefixOf(ban), SecondsOf(ban), ban.Level, ban.Rule, ban.Hits, shield);
        else if (kind == BanChangeKind.LiftedElsewhere)
            Log.Lifted(_log, PrefixOf(ban), "another shield");
        else if (kind == BanChangeKind.Began && ban.Origin == BanOrigin.Auto)
            Log.Banned(_log, PrefixOf(ban), SecondsOf(ban), ban.Level, ban.Rule, ban.Hits, (int)_bans.HitWindow.TotalSeconds);
        else if (kind == BanChangeKind.Began)
            Log.BannedByHand(_log, PrefixOf(ban), SecondsOf(ban), ban.By ?? "", ban.Why is { } why ? $": {Quoted.Text(why)}" : "");
    }

    /// <summary>How long it lasts from begin to end.</summary>
    public static long SecondsOf(Ban ban) => (long)Math.Round((ban.Until - ban.Since).TotalSeconds);

    private static partial class Log
    {
        [LoggerMessage(2200, LogLevel.Information, "ban: {Prefix} for {Seconds}s, level {Level}: {Rule}, {Hits} hits in {Window}s", EventName = "Banned")]
        public static partial void Banned(ILogger logger, string prefix, long seconds, int level, string rule, int hits, int window);

        [LoggerMessage(2206, LogLevel.Information, "ban: {Prefix} for {Seconds}s, level {Level}: {Rule}, {Hits} hits, by {Shield}",
            EventName = "BannedElsewhere")]
        public static partial void BannedElsewhere(ILogger logger, string prefix, long seconds, int level, string rule, int hits, string shield);

        [LoggerMessage(2201, LogLevel.Information, "ban: {Prefix} for {Seconds}s by {By}{Why}", EventName = "BannedByHand")]
        public static partial void BannedByHand(ILogger logger, string prefix, long seconds, string by, string why);

        [LoggerMessage(2202, LogLevel.Information, "ban: {Prefix} ended, {Count} connections refused", EventName = "BanEnded")]
        public static partial void Ended(ILogger logger, string prefix, long count);

        [LoggerMessage(2203, LogLevel.Information, "ban: {Prefix} lifted by {By}", EventName = "BanLifted")]
        public static partial void Lifted(ILogger logger, string prefix, string by);

        [LoggerMessage(2204, LogLevel.Information, "ban: refused {Count} connections of {Prefix} in {Seconds}s", EventName = "BanRefused")]
        public static partial void Refused(ILogger logger, long count, string prefix, int seconds);

        [LoggerMessage(2205, LogLevel.Information, "ban: refused {Count} connections of {Bans} other bans in {Seconds}s", EventName = "BanRefusedOthers")]
        public static partial void RefusedOthers(ILogger logger, long count, int bans, int seconds);
    }
}
