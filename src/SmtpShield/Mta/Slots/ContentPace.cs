using System.Runtime.CompilerServices;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// How much content has come in the last <see cref="Seconds"/> seconds, and in the one that has begun. Written by one thread; what others read may be a step
/// old.
/// </summary>
internal struct ContentPace
{
    /// <summary>Over how many seconds.</summary>
    public const int Seconds = 10;

    private const int Counted = Seconds + 1;

    private Counts _counts;
    private long _newest;

    /// <summary>Content has come.</summary>
    /// <param name="octets">How much.</param>
    /// <param name="second">When, in seconds of the clock.</param>
    public void Add(long octets, long second)
    {
        // The seconds in which nothing came.
        for (var empty = Math.Max(_newest + 1, second - Seconds); empty <= second; empty++)
            _counts[(int)(empty % Counted)] = 0;
        _newest = Math.Max(_newest, second);
        _counts[(int)(second % Counted)] += octets;
    }

    /// <summary>Octets that have come in this second and those before it.</summary>
    public readonly long Sum(long second)
    {
        var sum = 0L;
        for (var counted = Math.Max(0, second - Seconds); counted <= _newest; counted++)
            sum += _counts[(int)(counted % Counted)];
        return sum;
    }

    [InlineArray(Counted)]
    private struct Counts
    {
        private long _first;
    }
}
