using SmtpShield.Limits.Shared;

namespace SmtpShield.Testing.Sharing;

/// <summary>What shields tell each other that holds for a while, without a Redis: what its script does, written a second time.</summary>
internal sealed class InMemoryEntries
{
    private const int Page = 200;
    private const long Same = 1000;

    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private string _epoch = "";
    private long _last;

    /// <summary>Forgets everything.</summary>
    public void Flush()
    {
        _entries.Clear();
        _epoch = "";
    }

    /// <summary>One call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="now">The store's clock, in milliseconds.</param>
    public EntryAnswer Tell(EntryCall call, long now)
    {
        if (_epoch.Length == 0)
            (_epoch, _last) = (call.NewEpoch, 0);
        var isKnown = call.Epoch == _epoch;
        var cursor = isKnown ? call.Cursor : 0;
        foreach (var told in call.Entries)
        {
            var (made, ends) = (now - (long)told.Age.TotalMilliseconds, now + (long)told.Left.TotalMilliseconds);
            if (!_entries.TryGetValue(told.Key, out var old) || IsNewer(made, ends, told.Kind, old))
                _entries[told.Key] = new(++_last, call.Owner, told.Kind, made, ends, told.Text);
        }

        var over = _entries.Where(one => one.Value.Ends <= now).OrderBy(static one => one.Value.Ends).ThenBy(static one => one.Key, StringComparer.Ordinal);
        foreach (var (key, _) in over.Take(Page).ToList())
            _entries.Remove(key);

        var page = _entries.Where(one => one.Value.Number > cursor).OrderBy(static one => one.Value.Number).Take(Page).ToList();
        return new()
        {
            Epoch = _epoch,
            IsKnown = isKnown,
            Cursor = page.Count > 0 ? page[^1].Value.Number : cursor,
            HasMore = page.Count == Page,
            Entries =
            [
                .. page.Where(one => one.Value.Owner != call.Owner).Select(one => new SharedEntry(one.Key, one.Value.Kind,
                    TimeSpan.FromMilliseconds(now - one.Value.Made), TimeSpan.FromMilliseconds(one.Value.Ends - now), one.Value.Text)),
            ],
        };
    }

    private static bool IsNewer(long made, long ends, char kind, Entry old) => kind != old.Kind ? made >= old.Made
        : made > old.Made + Same || (made > old.Made - Same && ends > old.Ends + Same);

    private readonly record struct Entry(long Number, string Owner, char Kind, long Made, long Ends, string Text);
}
