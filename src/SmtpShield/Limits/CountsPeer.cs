using System.Collections.Concurrent;

namespace SmtpShield.Limits;

/// <summary>The other process of a hand-over, as far as counts go: what it is to be told of clients, and what it has told.</summary>
internal sealed class CountsPeer
{
    private readonly ConcurrentDictionary<AnvilKey, AnvilEventCounts> _heard = [];
    private bool _areNamesSaid;

    /// <summary>What it is to be told.</summary>
    public CountsNews News { get; } = new();

    /// <summary>
    /// Which count stands where in what it says, by the index of <see cref="AnvilEventCounts"/>; below 0: one of which this version knows nothing.
    /// </summary>
    public int[] Places { get; set; } = [];

    /// <summary>Whether it is told anything.</summary>
    public bool IsFollowed { get; private set; }

    /// <summary>Tells it from now on; null: not any more.</summary>
    public void Follow(Action? changed)
    {
        IsFollowed = changed is not null;
        _areNamesSaid = false;
        _heard.Clear();
        News.Follow(changed);
    }

    /// <summary>Whether it is to be told first what the counts are: once.</summary>
    public bool AreNamesToBeSaid() => !_areNamesSaid && (_areNamesSaid = true);

    /// <summary>What of its sums it has not said before.</summary>
    public AnvilEventCounts NewIn(in AnvilKey key, in AnvilEventCounts sums)
    {
        var before = _heard.GetValueOrDefault(key);
        _heard[key] = sums;
        return sums.Without(before);
    }

    /// <summary>Its sums of a client begin anew: the earlier one of the two has no connection of it any more.</summary>
    public void ForgetHeard(in AnvilKey key) => _heard.TryRemove(key, out _);
}
