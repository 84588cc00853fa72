using System.Numerics;
using SmtpShield.Clients;

namespace SmtpShield.Shadow;

/// <summary>
/// Counts different clients: exactly up to <see cref="MostExact"/>, then by an estimate that is off by some 1.6 % (HyperLogLog, Flajolet 2007, with 4096
/// registers). At most 4 KiB and what the exact ones take. Not thread-safe.
/// </summary>
/// <param name="hash">By which they are told apart.</param>
internal sealed class DistinctClients(DistinctHash hash)
{
    /// <summary>Clients that are counted exactly.</summary>
    public const int MostExact = 4096;

    /// <summary>Registers of the estimate.</summary>
    public const int Registers = 1 << IndexBits;

    private const int IndexBits = 12;

    private HashSet<ulong>? _exact = [];
    private byte[]? _registers;

    /// <summary>Those that were counted by an earlier process.</summary>
    public DistinctClients(DistinctHash hash, DistinctSet kept)
        : this(hash) => (_exact, _registers) = (kept.Registers is null ? [.. kept.Exact] : null, kept.Registers);

    /// <summary>How many there are now. Copies at most the 4 KiB of the registers.</summary>
    public DistinctCount Look() => new(_exact?.Count ?? 0, (byte[]?)_registers?.Clone());

    /// <summary>All there is, copied: at most 32 KiB.</summary>
    public DistinctSet Keep() => new(_exact is null ? [] : [.. _exact], (byte[]?)_registers?.Clone());

    /// <summary>A client is one of them.</summary>
    public void Add(in ClientRange client)
    {
        var its = hash.Of(client);
        if (_exact is not null)
        {
            _exact.Add(its);
            if (_exact.Count <= MostExact)
                return;

            _registers = new byte[Registers];
            foreach (var one in _exact)
                Register(one);
            _exact = null;
        }

        Register(its);
    }

    private void Register(ulong its)
    {
        ref var register = ref _registers![its >> (64 - IndexBits)];
        register = Math.Max(register, (byte)(1 + BitOperations.LeadingZeroCount(its << IndexBits | 1UL << (IndexBits - 1))));
    }
}
