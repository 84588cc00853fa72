using System.Collections.Concurrent;
using System.Globalization;
using SmtpShield.Testing.Hunter;

namespace SmtpShield.Tests.Hunter;

/// <summary>
/// Sessions made up at random, against the session engine without sockets and in a time of their own; tests/SmtpShield.Testing/Hunter/README.md says what
/// they are and how to run one again.
/// </summary>
[NonParallelizable]
internal sealed class InMemoryHunterTests
{
    private const int FixedSeeds = 6000;
    private const int OtherSeeds = 1000;
    private const int FirstOther = 1_000_000_000;
    private const int SeedsOfAShield = 300;

    private static readonly Splitting[] s_splittings = Enum.GetValues<Splitting>();
    private static readonly string? s_seconds = Environment.GetEnvironmentVariable("SMTPSHIELD_HUNT_SECONDS");
    private static readonly string? s_seed = Environment.GetEnvironmentVariable("SMTPSHIELD_HUNT_SEED");

    /// <summary>The same ones each time.</summary>
    [Test]
    public void Sessions_OfKnownSeeds_KeepEveryInvariant() => Hunt(0, FixedSeeds, TimeSpan.MaxValue);

    /// <summary>Other ones each time when asked for; otherwise some that are known, so that no run fails by chance.</summary>
    [Test]
    public void Sessions_MadeUpAtRandom_KeepEveryInvariant()
    {
        if (s_seed is not null)
            Hunt(int.Parse(s_seed, CultureInfo.InvariantCulture), 1, TimeSpan.MaxValue);
        else if (s_seconds is not null)
            Hunt(Random.Shared.Next(1_000_000_000), int.MaxValue, TimeSpan.FromSeconds(double.Parse(s_seconds, CultureInfo.InvariantCulture)));
        else
            Hunt(FirstOther, OtherSeeds, TimeSpan.MaxValue);
    }

    private static void Hunt(int first, int count, TimeSpan length)
    {
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"First seed: {first}"));
        var problems = new ConcurrentQueue<string>();
        var configurations = HuntConfiguration.InMemory.Count;
        var sessions = 0;
        var groups = 0;
        var start = TimeProvider.System.GetTimestamp();
        var work = Environment.CpuUsage.TotalTime;
        Task[] workers = [.. Enumerable.Range(0, Environment.ProcessorCount)
            .Select(_ => Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(workers);

        var elapsed = TimeProvider.System.GetElapsedTime(start);
        work = Environment.CpuUsage.TotalTime - work;
        TestContext.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{sessions} sessions in {elapsed.TotalSeconds:F0} s, {sessions / elapsed.TotalSeconds:F0} a second, "
                + $"{work.TotalMicroseconds / sessions:F0} µs of a processor each"));
        Assert.That(problems, Is.Empty);

        bool IsOn() => problems.Count < 3 && TimeProvider.System.GetElapsedTime(start) < length;

        // A group of seeds has one configuration, and a shield of its own for it.
        void Work()
        {
            while (IsOn() && Interlocked.Increment(ref groups) - 1 is var group
                && group < (long)configurations * ((count / SeedsOfAShield / configurations) + 1))
            {
                var configuration = group % configurations;
                using var hunter = new InMemoryHunter(HuntConfiguration.InMemory[configuration]);
                var at = group / configurations * SeedsOfAShield * configurations;
                for (var i = 0; i < SeedsOfAShield && IsOn(); i++, at += configurations)
                {
                    var seed = first + at;
                    seed += ((configuration - (seed % configurations)) + configurations) % configurations;
                    if (seed < first || seed >= (long)first + count)
                        continue;
                    var plan = InMemorySession.MakeUp(HuntConfiguration.InMemory[configuration], seed);
                    foreach (var splitting in s_splittings)
                    {
                        if (InMemorySession.Play(hunter, HuntConfiguration.InMemory[configuration], plan, seed, splitting) is { } problem)
                            problems.Enqueue(problem);
                        Interlocked.Increment(ref sessions);
                    }
                }
            }
        }
    }
}
