using System.Globalization;
using System.Runtime.CompilerServices;
using SmtpShield.Limits;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Benchmarks.Observe;

/// <summary>Questions about a million clients, while clients are counted.</summary>
internal sealed class ManyClients
{
    private const int Clients = 1_000_000;
    private const int Rounds = 5;
    private static readonly TimeSpan s_round = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_fresh = TimeSpan.FromSeconds(1.1);

    private readonly ShieldUnderTest _shield;
    private readonly string _socket;

    private ManyClients(ShieldUnderTest shield, string socket) => (_shield, _socket) = (shield, socket);

    /// <summary>Measures each.</summary>
    public static async IAsyncEnumerable<ObserveFigure> MeasureAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-observe-").FullName;
        await using var mta = new ScriptedMta();
        var options = ShieldUnderTest.Before(mta);
        var socket = Path.Combine(directory, "control.sock");
        await using (var shield = await ShieldUnderTest.StartAsync(options with
        {
            Limits = options.Limits with { ClientConnectionRateLimit = 60, ClientMessageRateLimit = 100 },
            Anvil = options.Anvil with { ClientTableSize = Clients * 5 / 4, RateTimeUnit = TimeSpan.FromHours(1) },
            Control = new() { Socket = socket },
        }, cancellationToken))
        {
            for (var i = 0; i < Clients; i++)
            {
                shield.Anvil.Connect(KeyOf(i));
                shield.Anvil.Disconnect(KeyOf(i));
            }

            var clients = new ManyClients(shield, socket);
            yield return new("first 100 of 1,000,000 clients, by the API", ObserveFigure.Time(await clients.TopAsync(cancellationToken)),
                "≤ 20 ms");
            var (ratio, longest) = await clients.CountAsync(cancellationToken);
            yield return new("events a second with a pass a second, of those without", ratio.ToString("0.00", CultureInfo.InvariantCulture), "≥ 0.95");
            yield return new("an event while a pass runs, 99.99 % of them", ObserveFigure.Time(longest), "≤ 100 µs");
            yield return new("explain among 1,000,000 clients, by the API", ObserveFigure.Time(await clients.ExplainAsync(cancellationToken)), "≤ 1 ms");
            yield return new("smtpshield explain, the whole command", ObserveFigure.Time(await clients.CommandAsync(cancellationToken)), "≤ 300 ms");
        }

        Directory.Delete(directory, recursive: true);
    }

    private static AnvilKey KeyOf(int number) => new("smtp", FullTables.RangeOf(number));

    private async Task<double> TopAsync(CancellationToken cancellationToken)
    {
        var times = new List<double>();
        // The same question is answered from before within a second. The first half is the compiler's.
        for (var limit = 81; limit <= 100; limit++)
        {
            foreach (var sort in (string[])["nearness", "connections", "messages", "errors"])
                times.Add(await TimeAsync(() => AskAsync($"/v1/clients?sort={sort}&limit={limit}", cancellationToken)));
        }

        return ObserveFigure.Median(times.Skip(times.Count / 2));
    }

    private async Task<double> ExplainAsync(CancellationToken cancellationToken)
    {
        var times = new List<double>();
        for (var i = 0; i < 200; i++)
            times.Add(await TimeAsync(() => AskAsync($"/v1/clients/10.0.{i}.7", cancellationToken)));
        return ObserveFigure.Median(times.Skip(10));
    }

    private async Task<double> CommandAsync(CancellationToken cancellationToken)
    {
        var times = new List<double>();
        string[] command = [.. ShieldProgram.Command, "explain", "10.0.1.7", "--socket", _socket];
        for (var i = 0; i < 11; i++)
            times.Add(await TimeAsync(() => OutsideProcess.RunSuccessfullyAsync(command[0], command[1..], s_patience, cancellationToken)));
        return ObserveFigure.Median(times.Skip(1));
    }

    // Rounds with and without passes take turns.
    private async Task<(double Ratio, double Longest)> CountAsync(CancellationToken cancellationToken)
    {
        var (with, without, delays) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var alone = await Task.Run(() => CountFor(s_round, null), cancellationToken);
            using var ends = new CancellationTokenSource();
            var passes = PassAsync(s_fresh, ends.Token);
            var beside = await Task.Run(() => CountFor(s_round, null), cancellationToken);
            await ends.CancelAsync();
            await passes;
            if (round == 0)
                continue;
            without.Add(alone);
            with.Add(beside);
        }

        using var last = new CancellationTokenSource();
        var all = PassAsync(TimeSpan.Zero, last.Token);
        await Task.Run(() => CountFor(s_round, delays), cancellationToken);
        await last.CancelAsync();
        await all;
        return (ObserveFigure.Median(with) / ObserveFigure.Median(without), delays.Order().ElementAt((int)(delays.Count * 0.9999)));
    }

    private double CountFor(TimeSpan time, List<double>? delays)
    {
        var random = new Random(1);
        var clock = TimeProvider.System;
        var (start, events) = (clock.GetTimestamp(), 0L);
        while (clock.GetElapsedTime(start) < time)
        {
            for (var i = 0; i < 100; i++, events++)
            {
                var key = KeyOf(random.Next(Clients));
                var before = delays is null ? 0 : clock.GetTimestamp();
                _shield.Anvil.Count(key, AnvilEvent.Message);
                delays?.Add(clock.GetElapsedTime(before).TotalNanoseconds);
            }
        }

        return events / clock.GetElapsedTime(start).TotalSeconds;
    }

    private async Task PassAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        for (var limit = 1; !cancellationToken.IsCancellationRequested; limit = (limit % 100) + 1)
        {
            await AskAsync($"/v1/clients?sort=messages&limit={limit}", CancellationToken.None);
            await Task.Delay(pause, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task AskAsync(string resource, CancellationToken cancellationToken)
    {
        var (status, body) = await ControlHttp.AskAsync(_socket, HttpMethod.Get, resource, cancellationToken);
        if (status != 200)
            throw new InvalidOperationException(body);
    }

    private static async Task<double> TimeAsync(Func<Task> act)
    {
        var start = TimeProvider.System.GetTimestamp();
        await act();
        return TimeProvider.System.GetElapsedTime(start).TotalNanoseconds;
    }
}
