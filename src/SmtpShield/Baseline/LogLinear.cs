using System.Numerics;

namespace SmtpShield.Baseline;

/// <summary>The buckets of a histogram of counts: one for each value below 64, then 32 an octave, so none is wider than 3.2 % of its values.</summary>
internal static class LogLinear
{
    /// <summary>How many there are: 64, and 32 for each of the octaves 2⁶ to 2³⁰.</summary>
    public const int Count = Exact + (PerOctave * (31 - ExactBits));

    private const int ExactBits = 6;
    private const int Exact = 1 << ExactBits;
    private const int PerOctaveBits = 5;
    private const int PerOctave = 1 << PerOctaveBits;

    /// <summary>The bucket of a value.</summary>
    /// <param name="value">At least 0.</param>
    public static int IndexOf(int value)
    {
        if (value < Exact)
            return value;
        var octave = BitOperations.Log2((uint)value);
        return Exact + ((octave - ExactBits) * PerOctave) + ((value >> (octave - PerOctaveBits)) & (PerOctave - 1));
    }

    /// <summary>The largest value of a bucket.</summary>
    public static int UpperEdge(int bucket)
    {
        if (bucket < Exact)
            return bucket;
        var (octave, part) = Math.DivRem(bucket - Exact, PerOctave);
        return (int)((((long)PerOctave + part + 1) << (octave + ExactBits - PerOctaveBits)) - 1);
    }
}
