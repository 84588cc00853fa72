using SmtpShield.State;

namespace SmtpShield.Baseline;

/// <summary>
/// Keeps <see cref="Baselines"/> over a restart, in the file <c>baseline</c> of the state directory: read at start, written every five
/// minutes and at the end.
/// </summary>
internal sealed class BaselineFile : RegularStateFile
{
    private readonly Baselines _baselines;

    /// <summary>Reads the file.</summary>
    public BaselineFile(Baselines baselines, StateDirectory directory, TimeProvider time)
        : base(directory, "baseline", Usual, time)
    {
        _baselines = baselines;
        foreach (var (index, line) in Kept.Load().Index())
        {
            if (!baselines.TryRestore(line))
                Kept.Skip(index + 1);
        }
    }

    /// <inheritdoc/>
    protected override IEnumerable<string> Lines() => _baselines.Lines();
}
