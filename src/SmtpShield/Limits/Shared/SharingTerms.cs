using Microsoft.Extensions.Primitives;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>What shields agree on for as long as they share: with other terms a shield leaves, and comes again.</summary>
/// <param name="Store">The stores, as written.</param>
/// <param name="User">As whom.</param>
/// <param name="PasswordFile">With which password.</param>
/// <param name="CAFile">Who may have signed its certificate.</param>
/// <param name="Prefix">The farm.</param>
/// <param name="Services">The services that are shared, separated by blanks: what it has of one that is not any more must not stay with the others.</param>
internal readonly record struct SharingTerms(string Store, string User, string PasswordFile, string CAFile, string Prefix, string Services)
{
    /// <summary>Whether there is anything to share, and where.</summary>
    public bool AreShared => Store.Length > 0 && Services.Length > 0;

    /// <summary>Those that are configured now.</summary>
    public static SharingTerms Of(ShieldSnapshot snapshot)
    {
        var options = snapshot.Current;
        return new(options.Sharing.Store, options.Sharing.User, options.Sharing.PasswordFile, options.Sharing.CAFile, options.Sharing.Prefix,
            string.Join(' ', ServicesOf(snapshot, options)));
    }

    /// <summary>The services that are shared, of those that are served.</summary>
    public static IEnumerable<string> ServicesOf(ShieldSnapshot snapshot, ShieldOptions options) =>
        snapshot.Served.Where(name => options.Of(name).Sharing.IsShared && ExchangeFormat.IsName(name));

    /// <summary>Completes when the configuration has changed, or the shield stops.</summary>
    public static async Task ChangeAsync(IChangeToken token, CancellationToken stopping)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = token.RegisterChangeCallback(static changed => ((TaskCompletionSource)changed!).TrySetResult(), changed);
        await changed.Task.WaitAsync(stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
