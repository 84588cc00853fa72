using SmtpShield.Benchmarks.Observe;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary>A shield as a store sees it: calls with reports of clients, one after the other.</summary>
/// <param name="owner">Who it is: 16 hexadecimal digits.</param>
/// <param name="clients">The numbers of its clients.</param>
internal sealed class SimulatedMember(string owner, IReadOnlyList<int> clients)
{
    private static readonly SharedService[] s_services = [new("smtp", 50, AnvilEventCounts.OfConnections(1000))];

    private ExchangeAnswer? _answer;
    private long _sequence;
    private int _next;

    /// <summary>One exchange.</summary>
    /// <param name="store">With whom.</param>
    /// <param name="batch">Reports it has.</param>
    /// <returns>Whether it was answered in time: of a hundred that wait for each other some are late, and say it again.</returns>
    public async Task<bool> ExchangeAsync(IStorePartition store, int batch)
    {
        try
        {
            _answer = await store.ExchangeAsync(Call(batch)) ?? _answer;
            return true;
        }
        catch (SharedStoreException)
        {
            return false;
        }
    }

    private ExchangeCall Call(int batch) => new()
    {
        Owner = owner, Told = _answer?.Told ?? 0, Sequence = ++_sequence, Acknowledged = 0, SteppedEpoch = "", Epoch = _answer?.Epoch ?? "",
        NewEpoch = $"{1:x16}", Unit = TimeSpan.FromMinutes(1), Lease = TimeSpan.FromMinutes(5), Expiry = TimeSpan.FromMinutes(5),
        Cursor = _answer?.Cursor ?? 0, Services = s_services,
        Reports = [.. Enumerable.Range(0, batch).Select(_ => Report(clients[_next = (_next + 1) % clients.Count]))],
    };

    private static ClientReport Report(int client)
    {
        var rates = AnvilEventCounts.OfConnections(1 + (client % 5));
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Message)] = 1;
        return new(new("smtp", FullTables.RangeOf(client)), 0, new(1000 * (client % 60), client % 2, rates));
    }
}
