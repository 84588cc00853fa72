namespace SmtpShield.Benchmarks.Speed;

/// <summary>What one round of a workload has brought.</summary>
/// <param name="Units">How much was done.</param>
/// <param name="Elapsed">In which time.</param>
/// <param name="Delays">How long each of them took, in microseconds; null when nobody looked.</param>
/// <param name="Resident">Memory of the contender, in mebioctets; null when nobody looked.</param>
internal sealed record Sample(double Units, TimeSpan Elapsed, IReadOnlyList<double>? Delays = null, double? Resident = null)
{
    /// <summary>Processor time of the contender.</summary>
    public TimeSpan Processor { get; init; }

    /// <summary>Processor time of those who make the load, and of the server behind.</summary>
    public TimeSpan Load { get; init; }

    /// <summary>The value below which this part of the delays lies.</summary>
    public double? Delay(double part)
    {
        if (Delays is null)
            return null;

        var sorted = Delays.Order().ToList();
        return sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * part))];
    }
}
