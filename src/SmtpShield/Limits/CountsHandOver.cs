using System.Globalization;
using System.Net;
using SmtpShield.Clients;
using SmtpShield.State;

namespace SmtpShield.Limits;

/// <summary>
/// Counts go on in the process that takes over: rates with their windows, and the connections that the earlier process still has, as long as it has them. What
/// is counted in those after the hand-over is the earlier process's own. Counts that other shields know too are not among them: they are shared anyway.
/// </summary>
/// <remarks>
/// The first line has the names of the counts. A line is <c>SERVICE ADDRESS/LENGTH OPEN IDLE START COUNTS PREVIOUS</c>: connections that are open; the second
/// since which none is, and that in which the window began, since 1970, or <c>-</c>; what was counted in this window, with commas, and in the one before. What
/// is said later is <c>SERVICE ADDRESS/LENGTH OPEN</c>.
/// </remarks>
/// <param name="table">The counts.</param>
internal sealed class CountsHandOver(AnvilTable table) : IHandedOver
{
    private const string None = "-";

    private static readonly string[] s_names = [.. Enumerable.Range(0, AnvilEventCounts.Length).Select(NameOf)];

    // Connections of the earlier process that are counted here.
    private readonly Dictionary<AnvilKey, int> _open = [];

    /// <inheritdoc/>
    public string Name => "counts";

    /// <inheritdoc/>
    public IEnumerable<string> Lines()
    {
        yield return string.Join(',', s_names);
        foreach (var (service, entry) in table.Own())
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
        var places = lines.Count > 0 ? lines[0].Split(',').Select(static name => Array.IndexOf(s_names, name)).ToArray() : [];
        var records = new List<(AnvilKey Key, int Open, int Idle, int Start, AnvilEventCounts Current, AnvilEventCounts Previous)>();
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(' ') is [var service, var prefix, var number, var idle, var start, var now, var before] && TryKey(service, prefix, out var key)
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
    public void Follow(Action<string>? say) => table.Left = say is null ? null : (key, open) => say(
        string.Create(CultureInfo.InvariantCulture, $"{key.Service} {key.Client.Address}/{key.Client.PrefixLength} {open}"));

    /// <inheritdoc/>
    public void Hear(string line)
    {
        if (line.Split(' ') is [var service, var prefix, var number] && TryKey(service, prefix, out var key)
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var open))
        {
            Reduce(key, open);
        }
    }

    /// <inheritdoc/>
    public void HearEnd()
    {
        foreach (var key in _open.Keys.ToList())
            Reduce(key, 0);
    }

    private void Reduce(in AnvilKey key, int open)
    {
        var counted = _open.GetValueOrDefault(key);
        for (; counted > open; counted--)
            table.Disconnect(key);
        if (counted == 0)
            _open.Remove(key);
        else
            _open[key] = counted;
    }

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

    private static bool TryKey(string service, string prefix, out AnvilKey key)
    {
        var isPrefix = IPNetwork.TryParse(prefix, out var network);
        key = isPrefix ? new(service, ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength)) : default;
        return isPrefix;
    }
}
