namespace SmtpShield.Shadow;

/// <summary>How many different clients there were when a <see cref="DistinctClients"/> was looked at. Immutable; <see cref="Count"/> computes.</summary>
/// <param name="exact">How many, where they are counted exactly.</param>
/// <param name="registers">Those of the estimate; null: they are counted exactly.</param>
internal readonly struct DistinctCount(int exact, byte[]? registers)
{
    /// <summary>Whether <see cref="Count"/> is an estimate.</summary>
    public bool IsEstimate => registers is not null;

    /// <summary>How many different ones there were.</summary>
    public long Count => registers is null ? exact : Estimate(registers);

    private static long Estimate(byte[] registers)
    {
        var alpha = 0.7213 / (1 + 1.079 / registers.Length);
        var (sum, zeros) = (0.0, 0);
        foreach (var register in registers)
        {
            sum += double.ScaleB(1, -register);
            zeros += register == 0 ? 1 : 0;
        }

        var raw = alpha * registers.Length * registers.Length / sum;
        // Few: by the registers nobody has come to.
        return (long)Math.Round(
            raw <= 2.5 * registers.Length && zeros > 0 ? registers.Length * Math.Log((double)registers.Length / zeros) : raw);
    }
}
