using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Benchmarks.Observe;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary>Events of a million clients in a table that shares what it counts, beside one that does not.</summary>
internal static class SharedEvents
{
    private const int Clients = 1_000_000;
    private const int Events = 5_000_000;
    private const int Rounds = 5;

    private static readonly StoreMap s_store = new([new SharedStoreAddress([new IPEndPoint(IPAddress.Loopback, 6379)], HasTls: false)]);

    /// <summary>Measures them.</summary>
    public static IEnumerable<ObserveFigure> Measure()
    {
        var (alone, _) = Fill(isShared: false, out var octetsAlone);
        var (shared, exchange) = Fill(isShared: true, out var octetsShared);
        var (without, with) = (new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var (before, behind) = (Count(alone), Count(shared));
            exchange!.Drain();
            if (round == 0)
                continue;
            without.Add(before);
            with.Add(behind);
        }

        yield return new("events a second of 1,000,000 clients, shared, of those that are not",
            (ObserveFigure.Median(with) / ObserveFigure.Median(without)).ToString("0.00", CultureInfo.InvariantCulture), "≥ 0.8");
        yield return new("an event that is not shared, and one that is",
            $"{ObserveFigure.Time(1e9 / ObserveFigure.Median(without))}, {ObserveFigure.Time(1e9 / ObserveFigure.Median(with))}");
        yield return new("memory of a client, not shared, and shared with what others count",
            string.Create(CultureInfo.InvariantCulture, $"{octetsAlone / Clients:0}, {octetsShared / Clients:0} octets"), "≤ 172 octets");
    }

    private static (AnvilTable Table, Drained? Exchange) Fill(bool isShared, out double octets)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var time = TimeProvider.System;
        var snapshot = new ShieldSnapshot(new()
        {
            Limits = new() { ClientMessageRateLimit = 100_000 },
            Anvil = new() { ClientTableSize = Clients * 5 / 4, RateTimeUnit = TimeSpan.FromHours(1) },
        });
        var table = new AnvilTable(snapshot, time, static (string _, in AnvilCounts _) => false, new(snapshot, time, NullLogger<AnvilStatistics>.Instance));
        var exchange = isShared ? new Drained(table, snapshot, time) : null;
        // From the first exchange on it is known what is shared.
        exchange?.Drain();
        for (var i = 0; i < Clients; i++)
            table.Connect(KeyOf(i));
        exchange?.Drain();
        octets = GC.GetTotalMemory(forceFullCollection: true) - before;
        return (table, exchange);
    }

    private static AnvilKey KeyOf(int number) => new("smtp", FullTables.RangeOf(number));

    private static double Count(AnvilTable table)
    {
        var random = new Random(1);
        var start = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < Events; i++)
            table.Count(KeyOf(random.Next(Clients)), AnvilEvent.Message);
        return Events / TimeProvider.System.GetElapsedTime(start).TotalSeconds;
    }

    // A shield whose store answers that others have one connection of everybody.
    private sealed class Drained(AnvilTable table, ShieldSnapshot snapshot, TimeProvider time) : IStorePartition
    {
        private readonly CounterExchange _exchange = new(table, table.Share(s_store)[0], snapshot, time);

        public void Drain()
        {
            while (_exchange.ExchangeAsync(this, leaves: false).Result.HasMore)
            {
                // All that has changed is reported.
            }
        }

        public Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call) => Task.FromResult<ExchangeAnswer?>(new()
        {
            Epoch = "1", Told = 0, AsksForEverything = false, Time = 0, Deaths = 0, Members = 2, Cursor = 0, Changes = 0, MemberSettings = [], News = [],
            Counts = [.. call.Reports.Select(static report => new SharedCounts(report.Counts.Age, 1, AnvilEventCounts.OfConnections(1)))],
        });

        public Task<EntryAnswer> TellAsync(EntryCall call) => throw new NotSupportedException();
    }
}
