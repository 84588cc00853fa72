using System.Collections.Concurrent;
using System.Globalization;
using SmtpShield.Testing;
using SmtpShield.Testing.Hunter;

namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>Sessions made up at random, many at a time; README.md in this folder says what they are and how to run one again.</summary>
[NonParallelizable]
internal sealed class HunterTests
{
    private const int Hunters = 48;
    private const int SessionsOfAShield = 1000;

    private static readonly string? s_seconds = Environment.GetEnvironmentVariable("SMTPSHIELD_HUNT_SECONDS");
    private static readonly string? s_seed = Environment.GetEnvironmentVariable("SMTPSHIELD_HUNT_SEED");

    [Test]
    public async Task Sessions_MadeUpAtRandom_KeepEveryInvariant()
    {
        var length = TimeSpan.FromSeconds(s_seconds is null ? 60 : double.Parse(s_seconds, CultureInfo.InvariantCulture));
        var first = s_seed is null ? Random.Shared.Next(1_000_000_000) / Hunters * Hunters : int.Parse(s_seed, CultureInfo.InvariantCulture);
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"First seed: {first}"));
        var problems = new ConcurrentQueue<string>();
        var sessions = 0;
        var start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(first, s_seed is null ? Hunters : 1).Select(seed => Task.Run(() => HuntAsync(seed))));

        var elapsed = TimeProvider.System.GetElapsedTime(start);
        await TestContext.Out.WriteLineAsync(
            string.Create(CultureInfo.InvariantCulture, $"{sessions} sessions in {elapsed.TotalSeconds:F0} s, {sessions / elapsed.TotalSeconds:F0} a second"));
        Assert.That(problems, Is.Empty);
        Assert.That(CheckedBuffers.OfShields.Problems, Is.Empty);

        bool IsOn() => problems.IsEmpty && TimeProvider.System.GetElapsedTime(start) < length;

        async Task HuntAsync(int seed)
        {
            while (IsOn())
            {
                // A new shield now and then: the log of the old one is long.
                await using var hunter = await Hunter.StartAsync(HuntConfiguration.All[seed % HuntConfiguration.All.Count], CancellationToken.None);
                for (var i = 0; i < SessionsOfAShield && IsOn(); i++, seed += s_seed is null ? Hunters : 0)
                {
                    if (await hunter.RunAsync(seed) is { } problem)
                        problems.Enqueue(problem);
                    Interlocked.Increment(ref sessions);
                }

                foreach (var error in hunter.Errors)
                    problems.Enqueue(error);
            }
        }
    }
}
