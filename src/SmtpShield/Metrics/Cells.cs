using System.Numerics;

namespace SmtpShield.Metrics;

/// <summary>
/// Numbers that many threads add to and one reads now and then. Each processor has its own row of them, and rows share no cache line, so adding neither waits
/// nor allocates. Reading adds the rows up; what is being added meanwhile may be in it or not.
/// </summary>
/// <param name="count">How many numbers.</param>
internal sealed class Cells(int count)
{
    // Octets that processors fetch together: two lines of 64.
    private const int LineLength = 128 / sizeof(long);

    private const int MostRows = 32;

    private static readonly int _mask = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, MostRows)) - 1;

    private readonly long[][] _rows = [.. Enumerable.Range(0, _mask + 1).Select(_ => new long[LineLength + count + LineLength])];

    /// <summary>Adds to a number.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <param name="amount">How much; below 0 takes away.</param>
    public void Add(int index, long amount = 1) => Interlocked.Add(ref _rows[Thread.GetCurrentProcessorId() & _mask][LineLength + index], amount);

    /// <summary>Adds to two numbers.</summary>
    public void Add(int index, long amount, int otherIndex, long otherAmount)
    {
        var row = _rows[Thread.GetCurrentProcessorId() & _mask];
        Interlocked.Add(ref row[LineLength + index], amount);
        Interlocked.Add(ref row[LineLength + otherIndex], otherAmount);
    }

    /// <summary>What a number has come to.</summary>
    public long Sum(int index)
    {
        var sum = 0L;
        foreach (var row in _rows)
            sum += Volatile.Read(ref row[LineLength + index]);
        return sum;
    }
}
