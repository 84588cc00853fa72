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

    /// <summary>Connections, and no event.</summary>
    public static AnvilEventCounts OfConnections(int count)
    {
        var counts = default(AnvilEventCounts);
        counts[Connections] = count;
        return counts;
    }
}
