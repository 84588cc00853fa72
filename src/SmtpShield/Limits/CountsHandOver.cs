using System.Collections.Concurrent;
using System.Globalization;
using SmtpShield.State;

namespace SmtpShield.Limits;

/// <summary>
/// Counts go on in the process that takes over: rates with their windows, and the connections that the earlier process still has, as long as it has them. What
/// either process counts from then on of a client that has connections at the earlier one it tells the other, so a limit holds for both together. Counts that
/// other shields know too are not among them: they are shared anyway.
/// </summary>
/// <remarks>
/// The first line has the names of the counts. A line is <c>SERVICE ADDRESS/LENGTH OPEN IDLE START COUNTS PREVIOUS</c>: connections that are open; the second
/// since which none is, and that in which the window began, since 1970, or <c>-</c>; what was counted in this window, with commas, and in the one before. What
/// is said later is <c>SERVICE ADDRESS/LENGTH counted COUNTS</c>, with sums since the hand-over and, once, the names of the counts before; and, by the earlier
/// process, <c>SERVICE ADDRESS/LENGTH OPEN</c>.
/// </remarks>
/// <param name="table">The counts.</param>
internal sealed class CountsHandOver(AnvilTable table) : IHandedOver
{
    private const string None = "-";
    private const string Counted = "counted";

    private static readonly string[] s_names = [.. Enumerable.Range(0, AnvilEventCounts.Length).Select(NameOf)];

    // Connections of the earlier process that are counted here.
    private readonly ConcurrentDictionary<AnvilKey, int> _open = [];

    private readonly CountsPeer _predecessor = new();
    private readonly CountsPeer _successor = new();

    /// <inheritdoc/>
    public string Name => "counts";

    /// <inheritdoc/>
    public IEnumerable<string> Lines()
    {
        yield return Names;
        foreach (var (service, entry) in table.Own(key => _successor.News.Forget(key)))
        {
            var client = entry.Client;
            var idle = entry.IsIdle ? UnixOf(entry.IdleSince) : None;
            var start = entry.HasWindow ? UnixOf(entry.WindowStart) : None;
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{service} {client.Address}/{client.PrefixLength} {entry.Open} {idle} {start} {TextOf(entry.Current)} {TextOf(entry.Previous)}");
        }
    }

    /// <inheritdoc/>
    public void Take(IReadOnlyList<string> lines)
    {
        var places = _predecessor.Places = PlacesOf(lines.Count > 0 ? lines[0] : "");
        var records = new List<(AnvilKey Key, int Open, int Idle, int Start, AnvilEventCounts Current, AnvilEventCounts Previous)>();
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(' ') is [var service, var prefix, var number, var idle, var start, var now, var before]
                && AnvilKeyText.TryRead(service, prefix, out var key)
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var open)
                && TrySecond(idle, out var since) && TrySecond(start, out var begun)
                && TryCounts(now, places, out var current) && TryCounts(before, places, out var previous))
            {
                records.Add((key, open, since, begun, current, previous));
            }
        }

        // Those that have been away for the longest are forgotten first.
        foreach (var (key, open, idle, start, current, previous) in records.OrderBy(static record => record.Idle))
        {
            table.Restore(key, open, idle, start, current, previous);
            if (open > 0)
                _open[key] = open;
        }
    }

    /// <inheritdoc/>
    public void Follow(HandOverSide side, Action? changed)
    {
        PeerOf(side).Follow(changed);
        table.Follower = _predecessor.IsFollowed || _successor.IsFollowed ? Note : null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> News(HandOverSide side)
    {
        var peer = PeerOf(side);
        if (peer.AreNamesToBeSaid())
            yield return Names;
        foreach (var (key, since) in peer.News.TakeChanges())
        {
            var client = AnvilKeyText.Of(key);
            if (!since.Counted.IsNone)
                yield return $"{client} {Counted} {TextOf(since.Counted)}";
            if (since.Open is { } open)
                yield return string.Create(CultureInfo.InvariantCulture, $"{client} {open}");
        }
    }

    /// <inheritdoc/>
    public void Hear(HandOverSide side, string line)
    {
        var peer = PeerOf(side);
        switch (line.Split(' '))
        {
            case [var names]:
                peer.Places = PlacesOf(names);
                break;
            case [var service, var prefix, Counted, var sums] when AnvilKeyText.TryRead(service, prefix, out var key)
                && TryCounts(sums, peer.Places, out var counted):
                HearCounts(side, key, peer.NewIn(key, counted));
                break;
            case [var service, var prefix, var number] when side == HandOverSide.Predecessor && AnvilKeyText.TryRead(service, prefix, out var key)
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var open):
                HearOpen(key, open);
                break;
        }
    }

    /// <inheritdoc/>
    public void HearEnd(HandOverSide side)
    {
        if (side == HandOverSide.Successor)
            return;
        foreach (var key in _open.Keys)
            HearOpen(key, 0);
    }

    private static string Names => string.Join(',', s_names);

    private CountsPeer PeerOf(HandOverSide side) => side == HandOverSide.Predecessor ? _predecessor : _successor;

    private void Note(in AnvilKey key, int counted, int open)
    {
        var one = AnvilEventCounts.OfOne(counted);
        _successor.News.Note(key, one, open);
        if (counted >= 0 && _open.ContainsKey(key))
            _predecessor.News.Note(key, one, open: null);
        if (open == 0)
            _successor.ForgetHeard(key);
    }

    // What one neighbour has counted the other one is told: there may be three, where one upgrade follows another.
    private void HearCounts(HandOverSide side, in AnvilKey key, in AnvilEventCounts counted)
    {
        table.CountElsewhere(key, counted, opened: 0);
        if (side == HandOverSide.Predecessor)
            _successor.News.Note(key, counted, table.Peek(key).ConnectionCount);
        else if (_open.ContainsKey(key))
            _predecessor.News.Note(key, counted, open: null);
    }

    private void HearOpen(in AnvilKey key, int open)
    {
        var counted = _open.GetValueOrDefault(key);
        if (open > counted)
            table.CountElsewhere(key, default, open - counted);
        for (; counted > open; counted--)
            table.Disconnect(key);
        if (open > 0)
        {
            _open[key] = open;
            return;
        }

        _open.TryRemove(key, out _);
        _predecessor.ForgetHeard(key);
        _predecessor.News.Forget(key);
    }

    private static int[] PlacesOf(string names) => [.. names.Split(',').Select(static name => Array.IndexOf(s_names, name))];

    private static string NameOf(int index) => index == AnvilEventCounts.Connections ? "Connection" : $"{(AnvilEvent)(index - 1)}";

    private string UnixOf(int second) => table.TimeOf(second).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    private static string TextOf(AnvilEventCounts counts) =>
        string.Join(',', Enumerable.Range(0, AnvilEventCounts.Length).Select(index => counts[index].ToString(CultureInfo.InvariantCulture)));

    private bool TrySecond(string text, out int second)
    {
        second = int.MinValue;
        if (text == None)
            return true;
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var unix))
            return false;
        second = table.SecondOf(DateTimeOffset.FromUnixTimeSeconds(unix));
        return true;
    }

    // A count of which this version knows nothing has no place.
    private static bool TryCounts(string text, int[] places, out AnvilEventCounts counts)
    {
        counts = default;
        var numbers = text.Split(',');
        if (numbers.Length != places.Length)
            return false;
        for (var i = 0; i < numbers.Length; i++)
        {
            if (!int.TryParse(numbers[i], NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                return false;
            if (places[i] >= 0)
                counts[places[i]] = count;
        }

        return true;
    }
}
