using System.Globalization;
using System.Net;
using SmtpShield.Clients;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Benchmarks;

/// <summary>
/// What a waiter costs in a queue of 10,000: one comes, and one is granted a slot, for a million times. Not above a microsecond for both is what is expected
/// of a core of 2020 (FAIR-11).
/// </summary>
internal static class SlotBenchmark
{
    private const int Waiting = 10_000;
    private const int Rounds = 1_000_000;
    private const int Repetitions = 5;

    /// <summary>Measures each case, and prints the median of its repetitions.</summary>
    public static void Run(TextWriter output)
    {
        output.WriteLine($"slots: enqueue and grant, {Waiting} waiting");
        Measure(output, "10,000 ranges", static number => number, static _ => ClientStanding.Unknown);
        Measure(output, "10,000 ranges in all classes", static number => number, static number => (ClientStanding)(number % OfStandings<int>.Count));
        Measure(output, "one range", static _ => 1, static _ => ClientStanding.Unknown);
    }

    private static void Measure(TextWriter output, string what, Func<int, int> clientOf, Func<int, ClientStanding> standingOf)
    {
        var ranges = Enumerable.Range(0, 2 * Waiting).Select(number => RangeOf(clientOf(number))).ToArray();
        var standings = Enumerable.Range(0, ranges.Length).Select(standingOf).ToArray();
        var times = new List<double>();
        var octets = 0d;
        for (var repetition = 0; repetition <= Repetitions; repetition++)
        {
            var (time, allocated) = MeasureOnce(ranges, standings);
            // The first one is the compiler's.
            if (repetition > 0)
                times.Add(time);
            octets = allocated;
        }

        times.Sort();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-30} {times[Repetitions / 2],6:0} ns {octets,5:0} octets allocated"));
    }

    private static (double Nanoseconds, double Octets) MeasureOnce(ClientRange[] ranges, ClientStanding[] standings)
    {
        var destination = new MtaSlots(TimeProvider.System, new(1, 0, 0));
        MtaSlots[] destinations = [destination];
        Action wake = static () => { };
        // Nobody holds one while he waits, so those of one standing are served as they came.
        var waiting = Enumerable.Range(0, OfStandings<int>.Count).Select(static _ => new Queue<SlotWaiter>(2 * Waiting)).ToArray();
        var held = destination.TryTake(ranges[0], ClientStanding.Exempt, wake)!;
        for (var number = 0; number < Waiting; number++)
            Enqueue(number);

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var start = TimeProvider.System.GetTimestamp();
        for (var number = Waiting; number < Waiting + Rounds; number++)
        {
            Enqueue(number);
            held.Dispose();
            held = TakeGranted();
        }

        var elapsed = TimeProvider.System.GetElapsedTime(start);
        return (elapsed.TotalNanoseconds / Rounds, (GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)Rounds);

        void Enqueue(int number)
        {
            var standing = standings[number % standings.Length];
            waiting[(int)standing].Enqueue(SlotWaiter.Enqueue(destinations, ranges[number % ranges.Length], standing, wake));
        }

        Slot TakeGranted()
        {
            foreach (var queue in waiting)
            {
                if (queue.TryPeek(out var waiter) && waiter.Granted is { } slot)
                {
                    queue.Dequeue();
                    return slot;
                }
            }

            throw new InvalidOperationException("Nobody was granted the slot.");
        }
    }

    private static ClientRange RangeOf(int client) => ClientRange.Of(new IPAddress([10, (byte)(client >> 16), (byte)(client >> 8), (byte)client]), 32, 64);
}
