using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>The events of one window: connections, then each <see cref="AnvilEvent"/> in its order.</summary>
[InlineArray(Length)]
internal struct AnvilEventCounts
{
    /// <summary>How many there are.</summary>
    public const int Length = AnvilEvents.Count + 1;

    /// <summary>The index of connections.</summary>
    public const int Connections = 0;

    private int _first;

    /// <summary>The index of an event.</summary>
    public static int IndexOf(AnvilEvent kind) => (int)kind + 1;

    /// <summary>One event, by its index; below 0: none.</summary>
    public static AnvilEventCounts OfOne(int index)
    {
        var counts = default(AnvilEventCounts);
        if (index >= 0)
            counts[index] = 1;
        return counts;
    }

    /// <summary>Whether all are 0.</summary>
    public readonly bool IsNone => !((ReadOnlySpan<int>)this).ContainsAnyExcept(0);

    /// <summary>These and others.</summary>
    public readonly AnvilEventCounts With(in AnvilEventCounts others)
    {
        var sums = this;
        for (var i = 0; i < Length; i++)
            sums[i] = (int)Math.Min(int.MaxValue, (long)sums[i] + others[i]);
        return sums;
    }

    /// <summary>These without others; nothing is below 0.</summary>
    public readonly AnvilEventCounts Without(in AnvilEventCounts others)
    {
        var rest = this;
        for (var i = 0; i < Length; i++)
            rest[i] = Math.Max(0, rest[i] - others[i]);
        return rest;
    }

    /// <summary>Connections, and no event.</summary>
    public static AnvilEventCounts OfConnections(int count)
    {
        var counts = default(AnvilEventCounts);
        counts[Connections] = count;
        return counts;
    }
}
