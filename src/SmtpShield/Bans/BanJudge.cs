using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>Whom hits ban, and for how long: the same for bans that are made and for those there would be. It counts and makes nothing.</summary>
/// <param name="never">Who is never banned.</param>
/// <param name="table">Of whom the MTA has accepted mail.</param>
/// <param name="time">The clock.</param>
/// <param name="random">Makes lengths differ.</param>
internal sealed class BanJudge(NeverBanned never, AnvilTable table, TimeProvider time, Random random)
{
    /// <summary>How many times the threshold it takes where the MTA has accepted mail of the client, or of its range.</summary>
    public const int KnownGood = 10;

    /// <summary>Whether a client has hit rules often enough to be banned, and may be.</summary>
    /// <param name="client">As whom it is counted.</param>
    /// <param name="address">Its address.</param>
    /// <param name="hits">How often, within the window.</param>
    /// <param name="threshold">How often it may not.</param>
    /// <param name="options">Of the service it is at.</param>
    public bool IsEnough(in ClientRange client, IPAddress address, int hits, int threshold, BanOptions options)
    {
        var needed = HasDelivered(client, table.Deliveries.RangeOfBan(address)) ? threshold * (long)KnownGood : threshold;
        return hits >= needed && never.WhyNot(address) is null && !options.Exceptions.Matches(address, ClientIdentity.UnknownName);
    }

    /// <summary>The ban that begins now.</summary>
    /// <param name="bans">Among which others.</param>
    /// <param name="range">Of whom.</param>
    /// <param name="rule">By which rule, hit last.</param>
    /// <param name="hits">How often any was.</param>
    /// <param name="options">How long it lasts.</param>
    public Ban Begin(BanTable bans, in ClientRange range, string rule, int hits, BanOptions options)
    {
        // One that is over in this second counts as well.
        bans.RemoveEnded();
        var level = Math.Min(bans.LevelOf(range) + 1, BanFile.HighestLevel);
        var now = time.GetUtcNow();
        return new(range, now, now + LengthOf(level, options, random)) { Level = level, Rule = rule, Hits = hits, Origin = BanOrigin.Auto };
    }

    /// <summary>How long the ban of a level lasts.</summary>
    /// <param name="level">From 1 on.</param>
    /// <param name="options">Time, growth and limit.</param>
    /// <param name="random">Gives or takes a tenth, so that those that begin together do not end together.</param>
    public static TimeSpan LengthOf(int level, BanOptions options, Random random)
    {
        var length = options.Time.TotalSeconds * Math.Pow(options.Growth, level - 1) * (0.9 + random.NextDouble() / 5);
        return TimeSpan.FromSeconds(Math.Min(Math.Ceiling(length), options.TimeLimit.TotalSeconds));
    }

    // A ban also hits its neighbours, as wide as it is.
    private bool HasDelivered(in ClientRange client, in ClientRange banned) =>
        table.Delivering.HasDelivered(client, BanBrakes.Delivered) || table.Deliveries.Ranges.HasDelivered(banned, BanBrakes.Delivered);
}
