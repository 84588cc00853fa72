using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Control.Banning;

/// <summary>Bans by hand, and lifting bans: what is asked for is done, and on the disk, when it is answered.</summary>
internal sealed class BanOrders(
    BanTable bans, NeverBanned never, AutomaticBans automatic, ShadowBans shadow, BanFile file, BanLog log, ShieldSnapshot snapshot, TimeProvider time)
{
    /// <summary>Seconds a ban may last: 30 days.</summary>
    public const long Longest = 30L * 24 * 3600;

    private const int WidestIPv4 = 16;
    private const int WidestIPv6 = 32;
    private const string Prefix = "prefix";

    /// <summary>Bans.</summary>
    /// <param name="range">Who.</param>
    /// <param name="request">What else was said.</param>
    /// <param name="by">Who said so.</param>
    /// <param name="why">Why, as it is kept.</param>
    /// <param name="notes">What else is to be known.</param>
    /// <param name="before">What there was of this prefix.</param>
    /// <exception cref="ControlException">It is refused.</exception>
    public Ban Add(in ClientRange range, BanRequest request, string by, string? why, out IReadOnlyList<string> notes, out Ban? before)
    {
        var seconds = request.ForS ?? Math.Min((long)snapshot.Current.Bans.TimeLimit.TotalSeconds, Longest);
        if (seconds is < 1 or > Longest)
            throw ControlException.BadRequest("for_s is out of range", $"a ban lasts 1 to {Longest} seconds", "for_s");
        if (range.PrefixLength < (range.IsIPv4 ? WidestIPv4 : WidestIPv6) && !request.Wide)
        {
            throw ControlException.BadRequest(
                $"{range} is wider than /{(range.IsIPv4 ? WidestIPv4 : WidestIPv6)}", "if it is meant, say so: ban --wide, or \"wide\": true", "wide");
        }

        Spare(range, request.From);
        var now = time.GetUtcNow();
        var ban = new Ban(range, now, now.AddSeconds(seconds)) { Origin = BanOrigin.Manual, By = by, Why = why };
        if (!bans.TryAdd(ban, out before))
        {
            throw new ControlException(StatusCodes.Status409Conflict, new ControlProblem(
                $"there are {bans.Count} bans, and no room for another one", "raise shield_ban_table_size, or ban a network", "shield_ban_table_size"));
        }

        notes = [.. NotesOf(range)];
        return ban;
    }

    /// <summary>Lifts the ban of exactly this prefix.</summary>
    /// <returns>What there was.</returns>
    /// <exception cref="ControlException">There was none.</exception>
    public Ban Lift(in ClientRange range, string by, out IReadOnlyList<string> notes)
    {
        if (TryLift(range, by) is not { } lifted)
        {
            throw ControlException.NotFound($"{range} is not banned",
                bans.Covering(range) is { } covers ? $"{covers.Prefix} is, which covers it" : "smtpshield bans shows who is", Prefix);
        }

        var still = bans.Covering(range);
        notes = [.. still is null ? [] : (string[])[StillCovers(still)], .. WhyNotWritten()];
        return lifted;
    }

    /// <summary>Lifts a ban, if there is one of exactly this prefix. The next one begins at level 1.</summary>
    public Ban? TryLift(in ClientRange range, string by)
    {
        automatic.Forget(range.Address);
        shadow.Forget(range);
        var lifted = bans.Lift(range);
        if (lifted is not null)
            log.NoteLifted(lifted, by);
        return lifted;
    }

    /// <summary>That a wider ban still holds.</summary>
    public static string StillCovers(Ban ban) => $"{ban.Prefix} is banned, too, until {Utc(ban.Until)}, and still covers it";

    /// <summary>Writes what was changed.</summary>
    /// <returns>What to say where that is not kept; nothing where it is.</returns>
    public IEnumerable<string> WhyNotKept() =>
        file.IsKept ? WhyNotWritten() : ["there is no shield_state_directory: when the shield is restarted, this is forgotten"];

    /// <summary>Writes what was lifted, which a restart without a place for it forgets anyway.</summary>
    /// <returns>What to say where it could not be written; nothing where it was.</returns>
    public IEnumerable<string> WhyNotWritten() => file.Save() ? []
        : ["it could not be written to shield_state_directory, see the log: if the shield is restarted now, this is forgotten"];

    /// <summary>A time, in UTC.</summary>
    public static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private void Spare(in ClientRange range, string? from)
    {
        if (range.IsAddress && never.WhyNot(range.Address) is { } whyNot)
            throw Refused(range, whyNot);
        if (from is not null && IPAddress.TryParse(from, out var address) && range.Contains(ClientRange.Of(address, 32, 128)))
            throw Refused(range, range.IsAddress ? "you are logged in from there" : $"you are logged in from {address} in it");
    }

    private static ControlException Refused(in ClientRange range, string whyNot) => new(
        StatusCodes.Status409Conflict, new ControlProblem($"{range} may not be banned: {whyNot}", "name another prefix", Prefix));

    private IEnumerable<string> NotesOf(ClientRange range)
    {
        if (!range.IsAddress)
        {
            foreach (var (address, what) in never.Within(range))
                yield return $"{address} in it is not banned: {what}";
        }

        yield return "who is exempt is not banned";
        foreach (var whyNot in WhyNotKept())
            yield return whyNot;
    }
}
