using SmtpShield.Clients;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Bans;

/// <summary>Bans that are made and lifted here, for other shields, and theirs.</summary>
internal sealed class BanEntries(BanTable bans, NeverBanned never, ShieldSnapshot snapshot, TimeProvider time) : ISharedEntries
{
    private Action<string, Func<SharedEntry?>>? _tell;

    /// <inheritdoc/>
    public void Follow(Action<string, Func<SharedEntry?>>? tell)
    {
        bans.Changed -= Note;
        _tell = tell;
        if (tell is not null)
            bans.Changed += Note;
    }

    /// <inheritdoc/>
    public IEnumerable<(string Key, Func<SharedEntry?> Entry)> All() => bans.All().Select(ban => ToTell(ban.Prefix));

    /// <inheritdoc/>
    /// <remarks>What is of one who is never banned here is another shield's affair.</remarks>
    public bool TryTake(in SharedEntry entry)
    {
        if (!SharedBans.TryRead(entry, time.GetUtcNow(), out var prefix, out var ban))
            return false;

        if (ban is null)
            bans.LiftOlder(prefix, time.GetUtcNow() - entry.Age);
        else if (!prefix.IsAddress || never.WhyNot(prefix.Address) is null)
            bans.TakeOver(ban);
        return true;
    }

    private void Note(Ban ban, BanChangeKind kind)
    {
        if (kind == BanChangeKind.Lifted)
        {
            var (prefix, at) = (ban.Prefix, time.GetTimestamp());
            _tell?.Invoke(BanLog.PrefixOf(prefix), () => SharedBans.OfLifted(prefix, time.GetElapsedTime(at)));
        }
        else if (kind == BanChangeKind.Began && !ban.IsTold)
        {
            var (key, entry) = ToTell(ban.Prefix);
            _tell?.Invoke(key, entry);
        }
    }

    // One that has ended when it is told is not.
    private (string Key, Func<SharedEntry?> Entry) ToTell(ClientRange prefix) => (BanLog.PrefixOf(prefix),
        () => bans.Of(prefix) is { } ban ? SharedBans.Of(ban, snapshot.Current.Sharing.Name, time.GetUtcNow()) : null);
}
