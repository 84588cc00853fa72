using System.Collections.Concurrent;
using System.Globalization;
using SmtpShield.State;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// Before and behind a hand-over a limited MTA sees no more sessions than it may have: those that the earlier process keeps are not there for the later one
/// until they are given (<see cref="SlotShare"/>).
/// </summary>
/// <remarks>
/// A line is <c>DESTINATION KEPT</c>. Said later, with sums since the hand-over: by the earlier process <c>DESTINATION gave SUM</c> and
/// <c>DESTINATION asked SUM</c>, by the later one <c>DESTINATION granted SUM</c>, and <c>DESTINATION waits NUMBER LONG</c> of clients that wait there, and of
/// those that have for long: for them the earlier process asks its own to give up what they can do without (<see cref="Revocation"/>).
/// </remarks>
/// <param name="pool">The MTAs.</param>
internal sealed class SlotsHandOver(Lazy<UpstreamPool> pool) : IHandedOver
{
    private const string Gave = "gave";
    private const string Asked = "asked";
    private const string Granted = "granted";
    private const string Waits = "waits";

    private readonly ConcurrentDictionary<string, KeptSlots> _kept = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, LentSlots> _lent = new(StringComparer.OrdinalIgnoreCase);
    private Action? _changed;

    /// <inheritdoc/>
    public string Name => "slots";

    /// <inheritdoc/>
    public IEnumerable<string> Lines()
    {
        foreach (var destination in pool.Value.Destinations)
        {
            if (!destination.Slots.Terms.AreLimited)
                continue;
            var kept = _kept[destination.Name] = new(destination.Slots, _changed);
            yield return string.Create(CultureInfo.InvariantCulture, $"{destination.Name} {kept.AtFirst}");
        }
    }

    /// <inheritdoc/>
    public void Take(IReadOnlyList<string> lines)
    {
        foreach (var line in lines)
        {
            if (line.Split(' ') is [var name, var number] && TrySum(number, out var sessions))
                _lent[name] = new(pool.Value.DestinationOf(name).Slots, sessions);
        }
    }

    /// <inheritdoc/>
    public void Follow(HandOverSide side, Action? changed)
    {
        if (side == HandOverSide.Predecessor)
        {
            foreach (var lent in _lent.Values)
                lent.Follow(changed);
            return;
        }

        _changed = changed;
        if (changed is not null)
            return;
        foreach (var kept in _kept.Values)
            kept.LetGo();
        _kept.Clear();
    }

    /// <inheritdoc/>
    public IEnumerable<string> News(HandOverSide side) =>
        side == HandOverSide.Predecessor ? _lent.SelectMany(static one => NewsOf(one.Key, one.Value))
            : _kept.SelectMany(static one => NewsOf(one.Key, one.Value));

    /// <inheritdoc/>
    public void Hear(HandOverSide side, string line)
    {
        if (line.Split(' ') is not [var name, var word, var number, .. var more] || !TrySum(number, out var sum))
            return;
        if (side == HandOverSide.Successor && _kept.TryGetValue(name, out var kept))
        {
            if (word == Granted)
                kept.HearGranted(sum);
            else if (word == Waits && more is [var text, ..] && TrySum(text, out var longWaiting))
                HearWaiting(name, kept, sum, longWaiting);
        }

        if (side == HandOverSide.Predecessor && _lent.TryGetValue(name, out var lent))
        {
            if (word == Gave)
                lent.HearGiven(sum);
            else if (word == Asked)
                lent.HearAsked(sum);
        }
    }

    /// <inheritdoc/>
    public void HearEnd(HandOverSide side)
    {
        if (side == HandOverSide.Successor)
            return;
        foreach (var lent in _lent.Values)
            lent.HearEnd();
        _lent.Clear();
    }

    private void HearWaiting(string name, KeptSlots kept, int waiting, int longWaiting)
    {
        kept.HearWaiting(waiting, longWaiting);
        pool.Value.Queue.LookAt(pool.Value.DestinationOf(name));
    }

    private static IEnumerable<string> NewsOf(string name, LentSlots lent)
    {
        var (granted, want) = lent.Settle();
        if (granted is { } sum)
            yield return LineOf(name, Granted, sum);
        if (want is var (waiting, longWaiting))
            yield return string.Create(CultureInfo.InvariantCulture, $"{LineOf(name, Waits, waiting)} {longWaiting}");
    }

    private static IEnumerable<string> NewsOf(string name, KeptSlots kept)
    {
        var (given, asked) = kept.Settle();
        if (given is { } sum)
            yield return LineOf(name, Gave, sum);
        if (asked is { } wanted)
            yield return LineOf(name, Asked, wanted);
    }

    private static string LineOf(string name, string word, int sum) =>
        string.Create(CultureInfo.InvariantCulture, $"{name} {word} {sum}");

    private static bool TrySum(string text, out int sum) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out sum);
}
