using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>The events of one window: connections, then each <see cref="AnvilEvent"/> in its order.</summary>
[InlineArray(7)]
internal struct AnvilEventCounts
{
    /// <summary>The index of connections.</summary>
    public const int Connections = 0;

    private int _first;

    /// <summary>The index of an event.</summary>
    public static int IndexOf(AnvilEvent kind) => (int)kind + 1;
}
