using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Bans;
using SmtpShield.Baseline;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Benchmarks.Observe;

/// <summary>What the tables of the observer take when they are full, for three services, and what it costs to write a history.</summary>
internal static class FullTables
{
    private const int Events = 16;
    private const int Writes = 5_000_000;

    private static readonly string[] s_services = ["smtp", "submission", "smtps"];
    private static readonly ShieldOptions s_options = new();

    /// <summary>Fills each, and measures the heap before and behind.</summary>
    public static IEnumerable<ObserveFigure> Measure()
    {
        var history = new ClientHistory(static () => s_options.Anvil.HistorySize);
        yield return Memory($"history of {s_options.Anvil.HistorySize} clients, {Events} events each, and replies", "16 MiB", () =>
        {
            for (var i = 0; i < s_options.Anvil.HistorySize * 3 / 2; i++)
            {
                var key = new AnvilKey(s_services[i % s_services.Length], RangeOf(i));
                for (var number = 0; number < Events; number++)
                    history.Note(key, ClientEvent.OfError(Verb.Rcpt, 550, number));
                history.NoteReply(key, "550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown in local recipient table"u8);
            }
        });
        yield return new("history write, of 1,000 clients", ObserveFigure.Time(Write(history)), "≤ 250 ns");

        var delivering = new DeliveringClients(TimeProvider.System);
        yield return Memory($"{DeliveringClients.Capacity} delivering clients", "6 MiB", () =>
        {
            for (var i = 0; i < DeliveringClients.Capacity * 3 / 2; i++)
                delivering.Note(RangeOf(i));
        });

        var snapshot = new ShieldSnapshot(s_options);
        var bans = new BanTable(snapshot, TimeProvider.System);
        yield return Memory($"{s_options.Bans.TableSize} bans", "12 MiB", () =>
        {
            var now = TimeProvider.System.GetUtcNow();
            for (var i = 0; i < s_options.Bans.TableSize; i++)
                bans.TryAdd(new(RangeOf(i), now, now.AddHours(1)) { Level = 1, Rule = "smtpd_client_connection_rate_limit", Hits = 5 }, out _);
        });

        var time = TimeProvider.System;
        var table = new AnvilTable(snapshot, time, static (string _, in AnvilCounts _) => false,
            new(snapshot, time, NullLogger<AnvilStatistics>.Instance));
        var baselines = new Baselines(table, snapshot, time);
        yield return Memory("baselines of three services, all days", "2 MiB", () =>
        {
            foreach (var service in s_services)
            {
                for (var day = 0; day < BaselineBook.Days; day++)
                    baselines.Of(service).Of(baselines.Today - day, baselines.Unit);
            }
        });
        GC.KeepAlive(history);
        GC.KeepAlive(delivering);
        GC.KeepAlive(bans);
        GC.KeepAlive(baselines);
    }

    /// <summary>The range of one of many clients.</summary>
    public static ClientRange RangeOf(int number) => ClientRange.Of(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 32, 64);

    private static double Write(ClientHistory history)
    {
        AnvilKey[] keys = [.. Enumerable.Range(0, 1000).Select(static i => new AnvilKey(s_services[0], RangeOf(i * 7)))];
        return ObserveFigure.Median(Enumerable.Range(0, 5).Select(_ =>
        {
            var start = TimeProvider.System.GetTimestamp();
            for (var i = 0; i < Writes; i++)
                history.Note(keys[i % keys.Length], ClientEvent.OfError(Verb.Rcpt, 550, i));
            return TimeProvider.System.GetElapsedTime(start).TotalNanoseconds / Writes;
        }));
    }

    private static ObserveFigure Memory(string what, string most, Action fill)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        fill();
        return new(what, ObserveFigure.Octets(GC.GetTotalMemory(forceFullCollection: true) - before), "≤ " + most);
    }
}
