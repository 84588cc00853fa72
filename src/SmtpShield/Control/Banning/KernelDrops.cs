using SmtpShield.Bans;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Control.Banning;

/// <summary>Which bans the kernel may carry out.</summary>
/// <remarks>
/// Exempt by a name, or by a table, is who the kernel can't know: while a list has such elements, only single addresses may be dropped that the shield has
/// refused once, and of which it knows that no service exempts them.
/// </remarks>
internal sealed class KernelDrops(BanTable bans, ShieldSnapshot snapshot)
{
    /// <summary>The lists that say who is exempt, or a proxy, of all services.</summary>
    public IEnumerable<AddressPatternList> Lists() => snapshot.Current.Services.Values.DefaultIfEmpty(snapshot.Current).SelectMany(static options =>
        (AddressPatternList[])[options.Limits.ClientEventLimitExceptions, options.Bans.Exceptions, options.Proxy.Sources]);

    /// <summary>Asks the lists once, for many bans.</summary>
    /// <param name="level">The level from which on automatic bans may be dropped; those by hand always.</param>
    /// <returns>Whether the kernel may drop whom a ban is for.</returns>
    public Func<Ban, bool> From(long level)
    {
        var mayBeExemptOtherwise = Lists().Any(static list => list.HasOthers);
        return ban => (ban.Origin == BanOrigin.Manual || ban.Level >= level) && (!mayBeExemptOtherwise || (ban.Prefix.IsAddress && ban.IsLookedAt));
    }

    /// <summary>How many bans the kernel is to carry out: a pass over all of them.</summary>
    public int Count(long level) => bans.All().Count(From(level));
}
