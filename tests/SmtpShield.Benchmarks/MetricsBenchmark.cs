using System.Globalization;
using SmtpShield.Control.Monitoring;
using SmtpShield.Metrics;
using SmtpShield.Protocol;

namespace SmtpShield.Benchmarks;

/// <summary>
/// What it costs to count (15 ns a cell and 100 ns a histogram at most, without allocating, is what is expected: B2), and to write some 2000 series (30 ms and
/// 400 KB at most: B5).
/// </summary>
internal static class MetricsBenchmark
{
    private const int Rounds = 10_000_000;
    private const int Texts = 100;
    private const int Services = 5;
    private const int Destinations = 20;
    private const int Repetitions = 5;

    /// <summary>Measures each, and prints the median of its repetitions.</summary>
    public static void Run(TextWriter output)
    {
        using var metrics = new ShieldMetrics();
        var service = metrics.OfService("smtp");
        var destination = metrics.OfDestination("mta.example.com:25");
        output.WriteLine("metrics:");
        Measure(output, "a cell", Rounds, number => service.NoteCommand((Verb)(number & 15), 250));
        Measure(output, "a histogram", Rounds, number => destination.NoteReply(ReplyPhase.Command, TimeSpan.FromTicks(number)));

        for (var i = 0; i < Services; i++)
            metrics.OfService($"service{i}");
        for (var i = 0; i < Destinations; i++)
            metrics.OfDestination($"mta{i}.example.com:25");
        var text = Text(metrics);
        var lines = text.Count(static octet => octet == (byte)'\n');
        Measure(output, string.Create(CultureInfo.InvariantCulture, $"a text of {lines} lines, {text.Length} octets"), Texts, _ => Text(metrics));
    }

    private static byte[] Text(ShieldMetrics metrics)
    {
        var samples = new MetricSamples();
        metrics.Collect(samples);
        return MetricsText.Write(samples, isOpenMetrics: false);
    }

    private static void Measure(TextWriter output, string what, int rounds, Action<int> act)
    {
        var times = new List<double>();
        var octets = 0d;
        for (var repetition = 0; repetition <= Repetitions; repetition++)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var start = TimeProvider.System.GetTimestamp();
            for (var i = 0; i < rounds; i++)
                act(i);
            // The first one is the compiler's.
            if (repetition > 0)
                times.Add(TimeProvider.System.GetElapsedTime(start).TotalNanoseconds / rounds);
            octets = (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)rounds;
        }

        times.Sort();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-40} {times[Repetitions / 2],10:0.0} ns {octets,10:0} octets allocated"));
    }
}
