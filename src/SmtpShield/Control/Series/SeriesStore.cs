using SmtpShield.Metrics;

namespace SmtpShield.Control.Series;

/// <summary>
/// The last ten minutes of each series in points of a second, and the last six hours in points of ten, which are means of those. 0.5 MB in all, whatever
/// happens. What is not known is NaN.
/// </summary>
internal sealed class SeriesStore
{
    /// <summary>Points of a second.</summary>
    public const int Fine = 600;

    /// <summary>Points of ten seconds.</summary>
    public const int Coarse = 2160;

    /// <summary>Seconds of a coarse point.</summary>
    public const int CoarseStep = 10;

    private readonly Lock _gate = new();
    private readonly double[][] _fine = Rings(Fine);
    private readonly double[][] _coarse = Rings(Coarse);
    private readonly (double Sum, double Count)[] _before = new (double, double)[SeriesCatalog.Definitions.Count];
    private bool _hasBefore;
    private long _points;
    private DateTimeOffset _at;

    /// <summary>Adds a point to each series.</summary>
    /// <param name="samples">The metrics now.</param>
    /// <param name="at">When they were read.</param>
    /// <param name="seconds">Since they were read before.</param>
    /// <returns>The points, in the order of <see cref="SeriesCatalog.Definitions"/>.</returns>
    public double[] Add(MetricSamples samples, DateTimeOffset at, double seconds)
    {
        var points = new double[SeriesCatalog.Definitions.Count];
        lock (_gate)
        {
            for (var i = 0; i < points.Length; i++)
            {
                var definition = SeriesCatalog.Definitions[i];
                var now = definition.Read(samples);
                points[i] = definition.Kind switch
                {
                    SeriesKind.Level => now.Sum,
                    _ when !_hasBefore => double.NaN,
                    // The clock may not have moved: then no rate is known, and JSON has no infinity.
                    SeriesKind.Rate => seconds > 0 ? Math.Max(0, now.Sum - _before[i].Sum) / seconds : double.NaN,
                    _ => now.Count > _before[i].Count ? (now.Sum - _before[i].Sum) / (now.Count - _before[i].Count) : double.NaN,
                };
                _before[i] = now;
                _fine[i][_points % Fine] = points[i];
            }

            _hasBefore = true;
            _at = at;
            _points++;
            if (_points % CoarseStep == 0)
                AddCoarse();
        }

        return points;
    }

    /// <summary>The points of a series, the oldest first.</summary>
    /// <param name="index">Its place in <see cref="SeriesCatalog.Definitions"/>.</param>
    /// <param name="isCoarse">Whether those of ten seconds.</param>
    /// <param name="end">When the last one was read.</param>
    public double[] Read(int index, bool isCoarse, out DateTimeOffset end)
    {
        lock (_gate)
        {
            var ring = (isCoarse ? _coarse : _fine)[index];
            var all = isCoarse ? _points / CoarseStep : _points;
            var count = Math.Min(all, ring.Length);
            var points = new double[count];
            for (var i = 0; i < count; i++)
                points[i] = ring[(all - count + i) % ring.Length];
            end = isCoarse ? _at.AddSeconds(-(_points % CoarseStep)) : _at;
            return points;
        }
    }

    private void AddCoarse()
    {
        for (var i = 0; i < _coarse.Length; i++)
        {
            var (sum, count) = (0.0, 0);
            for (var back = 1; back <= CoarseStep; back++)
            {
                var point = _fine[i][(_points - back) % Fine];
                if (!double.IsNaN(point))
                    (sum, count) = (sum + point, count + 1);
            }

            _coarse[i][(_points / CoarseStep - 1) % Coarse] = count > 0 ? sum / count : double.NaN;
        }
    }

    private static double[][] Rings(int length) => [.. SeriesCatalog.Definitions.Select(_ => new double[length])];
}
