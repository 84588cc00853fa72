namespace SmtpShield.Control.Status;

/// <summary>What became of the log's lines since the start.</summary>
/// <param name="Lines">Lines, lost ones included.</param>
/// <param name="Lost">Those that came faster than the log takes them.</param>
internal sealed record LogReport(long Lines, long Lost)
{
    /// <summary>Lines a second, lately.</summary>
    public double? LinesS { get; init; }
}
