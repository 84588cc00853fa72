namespace SmtpShield.Control.Series;

/// <summary>The answer of <c>/v1/series</c>.</summary>
/// <param name="StepS">Seconds between two points.</param>
/// <param name="End">When the last point was read; null: there is none yet.</param>
/// <param name="Series">Those that were asked for.</param>
internal sealed record SeriesList(int StepS, DateTimeOffset? End, IReadOnlyList<SeriesReport> Series);

/// <summary>One series.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Unit">The unit of its points: <c>1</c>, <c>1/s</c>, <c>s</c> or <c>By</c>.</param>
/// <param name="Points">The oldest first; null: not known.</param>
internal sealed record SeriesReport(string Name, string Unit, IReadOnlyList<double?> Points);
