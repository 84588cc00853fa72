using Microsoft.Extensions.Primitives;

namespace SmtpShield.Options;

/// <summary>The options in force. Readers take <see cref="Current"/> when they need a value; a reload replaces it whole.</summary>
/// <param name="initial">The options the program starts with.</param>
public sealed class ShieldSnapshot(ShieldOptions initial)
{
    private volatile ShieldOptions _current = initial;
    private ConfigurationReloadToken _changed = new();

    /// <summary>The newest valid options.</summary>
    public ShieldOptions Current => _current;

    /// <summary>
    /// The services that are served: those there were at the start, as end points are bound and MTAs are known once. A reload may name others, which are served
    /// from the next start on, and leave some out, which are served until then.
    /// </summary>
    public IReadOnlyList<string> Served { get; } = [.. initial.Services.Keys.DefaultIfEmpty(ServiceOptions.DefaultName)];

    /// <summary>A token that fires once, after the next <see cref="Replace"/>.</summary>
    public IChangeToken GetChangeToken() => Volatile.Read(ref _changed);

    /// <summary>Puts validated options in force and tells those who wait on <see cref="GetChangeToken"/>.</summary>
    public void Replace(ShieldOptions options)
    {
        _current = options;
        Interlocked.Exchange(ref _changed, new ConfigurationReloadToken()).OnReload();
    }
}
