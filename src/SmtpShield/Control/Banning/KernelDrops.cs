using Microsoft.Extensions.Primitives;
using SmtpShield.Bans;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Control.Banning;

/// <summary>Which bans the kernel may carry out.</summary>
/// <remarks>
/// Exempt by a name, or by a table, is who the kernel can't know: while a list has such elements, only single addresses may be dropped that the shield has
/// refused once, and of which it knows that no service exempts them.
/// </remarks>
internal sealed class KernelDrops : IDisposable
{
    private readonly BanTable _bans;
    private readonly ShieldSnapshot _snapshot;
    private readonly IDisposable _onChange;
    private bool _hasOthers;

    /// <summary>From now on a change of the lists is noticed.</summary>
    public KernelDrops(BanTable bans, ShieldSnapshot snapshot)
    {
        (_bans, _snapshot) = (bans, snapshot);
        _hasOthers = HasOthers;
        _onChange = ChangeToken.OnChange(snapshot.GetChangeToken, LookAgain);
    }

    private bool HasOthers => Lists().Any(static list => list.HasOthers);

    /// <summary>The lists that say who is exempt, or a proxy, of all services.</summary>
    public IEnumerable<AddressPatternList> Lists() => _snapshot.Current.Services.Values.DefaultIfEmpty(_snapshot.Current).SelectMany(static options =>
        (AddressPatternList[])[options.Limits.ClientEventLimitExceptions, options.Bans.Exceptions, options.Proxy.Sources]);

    /// <summary>Asks the lists once, for many bans.</summary>
    /// <param name="level">The level from which on automatic bans may be dropped; those by hand always.</param>
    /// <returns>Whether the kernel may drop whom a ban is for.</returns>
    public Func<Ban, bool> From(long level)
    {
        var mayBeExemptOtherwise = HasOthers;
        return ban => (ban.Origin == BanOrigin.Manual || ban.Level >= level) && (!mayBeExemptOtherwise || (ban.Prefix.IsAddress && ban.IsLookedAt));
    }

    /// <summary>How many bans the kernel is to carry out: a pass over all of them.</summary>
    public int Count(long level) => _bans.CountOf(From(level));

    /// <summary>Nothing is noticed any more.</summary>
    public void Dispose() => _onChange.Dispose();

    // Whom the elements before exempted, and whom those of now do, is not the same.
    private void LookAgain()
    {
        var hadOthers = _hasOthers;
        _hasOthers = HasOthers;
        if (hadOthers || _hasOthers)
            _bans.LookAgain();
    }
}
