using System.Globalization;
using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Bans;

/// <summary>Bans as shields tell them to each other: <c>LEVEL HITS RULE "BY" "WHY"</c>, under their prefix.</summary>
internal static class SharedBans
{
    /// <summary>For how long a shield that comes back hears that a ban was lifted.</summary>
    public static readonly TimeSpan LiftedFor = TimeSpan.FromMinutes(10);

    /// <summary>The longest that others are believed: 30 days.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    private const char Automatic = 'a';
    private const char Manual = 'm';
    private const char Lifted = 'l';
    private const int LongestText = 1000;

    /// <summary>A ban.</summary>
    /// <param name="ban">The ban.</param>
    /// <param name="shield">What others call this shield.</param>
    /// <param name="now">What time it is.</param>
    public static SharedEntry Of(Ban ban, string shield, DateTimeOffset now)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $"{ban.Level} {ban.Hits} {ban.Rule} {Quoted.Text(ban.By ?? shield)} {Quoted.Text(ban.Why ?? "")}");
        return new(BanLog.PrefixOf(ban.Prefix), ban.Origin == BanOrigin.Auto ? Automatic : Manual, now - ban.Since, ban.Until - now, text);
    }

    /// <summary>That the ban of a prefix was lifted.</summary>
    /// <param name="prefix">Whose.</param>
    /// <param name="age">How long ago.</param>
    public static SharedEntry OfLifted(in ClientRange prefix, TimeSpan age) => new(BanLog.PrefixOf(prefix), Lifted, age, LiftedFor - age, "");

    /// <summary>Reads what another shield has told.</summary>
    /// <param name="entry">What it has told.</param>
    /// <param name="now">What time it is.</param>
    /// <param name="prefix">Of whom.</param>
    /// <param name="ban">The ban; null: it was lifted.</param>
    /// <returns>False: it is none that is understood.</returns>
    public static bool TryRead(in SharedEntry entry, DateTimeOffset now, out ClientRange prefix, out Ban? ban)
    {
        (prefix, ban) = (default, null);
        if (!IPNetwork.TryParse(entry.Key, out var network) || network.ToString() != entry.Key || network.BaseAddress.IsIPv4MappedToIPv6)
            return false;

        prefix = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        if (entry.Kind == Lifted)
            return true;
        if (entry.Kind is not (Automatic or Manual) || entry.Left > Longest || entry.Age + entry.Left > 2 * Longest || entry.Text.Length > LongestText
            || entry.Text.Split(' ', 4) is not [var ofLevel, var ofHits, var rule, var words]
            || !TryNumber(ofLevel, out var level) || level > BanFile.HighestLevel || !TryNumber(ofHits, out var hits)
            || !(rule == Ban.ByHand || BanOptions.KnownRules.Contains(rule)) || !TryReadWords(words, out var by, out var why))
        {
            return false;
        }

        ban = new(prefix, now - (entry.Age > TimeSpan.Zero ? entry.Age : TimeSpan.Zero), now + entry.Left)
        {
            Level = level,
            Hits = hits,
            Rule = rule,
            Origin = entry.Kind == Automatic ? BanOrigin.Auto : BanOrigin.Manual,
            By = by,
            Why = why.Length > 0 ? why : null,
            IsTold = true,
        };
        return true;
    }

    private static bool TryReadWords(ReadOnlySpan<char> words, out string by, out string why)
    {
        why = "";
        return Quoted.TryTake(ref words, out by) && Quoted.TryTake(ref words, out why) && words.IsEmpty && by.Length > 0;
    }

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
