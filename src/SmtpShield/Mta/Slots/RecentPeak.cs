using System.Runtime.CompilerServices;

namespace SmtpShield.Mta.Slots;

/// <summary>The highest of a number's values in the last <see cref="Seconds"/> seconds and the one that runs.</summary>
internal struct RecentPeak
{
    /// <summary>How long a value counts.</summary>
    public const int Seconds = 10;

    private Past _past;
    private int _now;
    private int _next;

    /// <summary>It.</summary>
    public readonly int Most
    {
        get
        {
            var most = _now;
            foreach (var one in (ReadOnlySpan<int>)_past)
                most = Math.Max(most, one);
            return most;
        }
    }

    /// <summary>The number is this.</summary>
    public void Note(int value) => _now = Math.Max(_now, value);

    /// <summary>A second is over.</summary>
    /// <param name="value">The number is this.</param>
    public void EndSecond(int value)
    {
        (_past[_next], _now) = (_now, value);
        _next = (_next + 1) % Seconds;
    }

    [InlineArray(Seconds)]
    private struct Past
    {
        private int _first;
    }
}
