using System.Runtime.InteropServices;

namespace SmtpShield.Shadow;

/// <summary>What a <see cref="DistinctClients"/> has, copied to be kept.</summary>
/// <param name="Exact">The hashes, where clients are counted exactly.</param>
/// <param name="Registers">Those of the estimate; null: they are counted exactly.</param>
internal sealed record DistinctSet(ulong[] Exact, byte[]? Registers)
{
    private const char IsExact = '=';
    private const char IsEstimate = '~';

    /// <summary>As a word of a line.</summary>
    public string Text => Registers is null
        ? IsExact + Convert.ToBase64String(MemoryMarshal.AsBytes<ulong>(Exact)) : IsEstimate + Convert.ToBase64String(Registers);

    /// <summary>Reads such a word.</summary>
    /// <returns>Null: it is none, or has too many or too few.</returns>
    public static DistinctSet? Parse(string text)
    {
        var octets = new byte[DistinctClients.MostExact * sizeof(ulong)];
        if (text.Length == 0 || !Convert.TryFromBase64Chars(text.AsSpan(1), octets, out var count))
            return null;
        return text[0] switch
        {
            IsExact when count % sizeof(ulong) == 0 => new([.. MemoryMarshal.Cast<byte, ulong>(octets.AsSpan(0, count))], null),
            IsEstimate when count == DistinctClients.Registers => new([], octets[..count]),
            _ => null,
        };
    }
}
