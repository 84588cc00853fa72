using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>
/// The first of all clients, exactly: one pass over the table, which copies a few records at a time and keeps the best of them. One pass at a time, however
/// many ask; who asks the same within a second gets the same.
/// </summary>
internal sealed class ClientTop(AnvilTable table, ClientRules rules, ClientReports reports, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _turn = new(1);
    private (ClientQuery Query, ClientList Answer, long At)? _last;

    /// <summary>Looks for the first ones.</summary>
    public async Task<ClientList> FindAsync(ClientQuery query, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_last is { } last && last.Query == query && time.GetElapsedTime(last.At) < Fresh)
                return last.Answer;

            // Off the thread that serves sockets.
            var answer = await Task.Run(() => Find(query), cancellationToken);
            _last = (query, answer, time.GetTimestamp());
            return answer;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Something was changed: nobody gets an answer from before.</summary>
    public async Task ForgetAsync()
    {
        await _turn.WaitAsync(CancellationToken.None);
        _last = null;
        _turn.Release();
    }

    /// <inheritdoc />
    public void Dispose() => _turn.Dispose();

    private ClientList Find(ClientQuery query)
    {
        var best = new PriorityQueue<ClientFound, ClientRank>();
        var total = query.Sort == ClientSort.Refused ? FindRefused(query, best) : FindCounted(query, best);
        var shown = new ClientRow[best.Count];
        for (var i = shown.Length - 1; i >= 0; i--)
            shown[i] = reports.RowOf(best.Dequeue());
        return new(shown, total, total > shown.Length);
    }

    private long FindCounted(ClientQuery query, PriorityQueue<ClientFound, ClientRank> best)
    {
        var services = new ServiceRules?[byte.MaxValue + 1];
        var total = 0L;
        ClientRank? worst = null;
        table.Scan((records, now, window) =>
        {
            foreach (ref var entry in records)
            {
                if (entry.IsFree || entry.IsExpired(now, window.Unit) || query.Prefix is { } prefix && !prefix.Contains(entry.Client))
                    continue;
                var its = services[entry.Service] ??= rules.Of(table.ServiceOf(entry.Service));
                if (query.Service is not null && query.Service != its.Service)
                    continue;
                entry.Roll(now, window);
                if (query.State is { } state && !IsIn(state, its, entry, now, window))
                    continue;

                total++;
                var rank = new ClientRank(ValueOf(query.Sort, its, entry, now, window), entry.Client, its.Service);
                if (worst is { } least && rank.CompareTo(least) < 0)
                    continue;
                Keep(best, query.Limit, new(its, entry.Client, new(its.Service, entry, now, window)), rank);
                worst = best.Count == query.Limit && best.TryPeek(out _, out var last) ? last : null;
            }
        });
        return total;
    }

    private long FindRefused(ClientQuery query, PriorityQueue<ClientFound, ClientRank> best)
    {
        var services = new Dictionary<string, ServiceRules>();
        var total = 0L;
        table.History.Scan((key, refused) =>
        {
            if (query.Service is not null && query.Service != key.Service || query.Prefix is { } prefix && !prefix.Contains(key.Client))
                return;
            if (!services.TryGetValue(key.Service, out var its))
                services.Add(key.Service, its = rules.Of(key.Service));
            var found = new ClientFound(its, key.Client, table.Look(key));
            if (query.State is { } state && state != reports.StateOf(found))
                return;

            total++;
            Keep(best, query.Limit, found, new(refused, key.Client, key.Service));
        });
        return total;
    }

    // Whether it is exempt is asked last, of those that are left.
    private bool IsIn(ClientState state, ServiceRules its, in AnvilEntry entry, int now, AnvilWindow window) => state switch
    {
        ClientState.Unknown => false,
        ClientState.Exempt => rules.IsExempt(its, entry.Client),
        ClientState.Banned => rules.BanOf(its, entry.Client) is not null && !rules.IsExempt(its, entry.Client),
        _ => its.StateOf(entry, now, window) == state && !rules.IsExempt(its, entry.Client) && rules.BanOf(its, entry.Client) is null,
    };

    private static void Keep(PriorityQueue<ClientFound, ClientRank> best, int limit, in ClientFound found, in ClientRank rank)
    {
        if (best.Count < limit)
            best.Enqueue(found, rank);
        else
            best.EnqueueDequeue(found, rank);
    }

    private static double ValueOf(ClientSort sort, ServiceRules its, in AnvilEntry entry, int now, AnvilWindow window) => sort switch
    {
        ClientSort.Nearness => its.NearnessOf(entry, now, window),
        ClientSort.Open => entry.Open,
        ClientSort.Connections => entry.Rate(AnvilEventCounts.Connections, now, window),
        ClientSort.Messages => Rate(AnvilEvent.Message, entry, now, window),
        ClientSort.Recipients => Rate(AnvilEvent.Recipient, entry, now, window),
        ClientSort.TlsSessions => Rate(AnvilEvent.NewTlsSession, entry, now, window),
        ClientSort.Auths => Rate(AnvilEvent.Auth, entry, now, window),
        ClientSort.Errors => Rate(AnvilEvent.Error, entry, now, window),
        _ => Rate(AnvilEvent.AuthFailure, entry, now, window),
    };

    private static int Rate(AnvilEvent kind, in AnvilEntry entry, int now, AnvilWindow window) => entry.Rate(AnvilEventCounts.IndexOf(kind), now, window);
}
