using SmtpShield.Limits;

namespace SmtpShield.Control.Clients;

/// <summary>
/// The first of all clients, exactly: one pass over the table, which copies a few records at a time and keeps the best of them. One pass at a time, however
/// many ask; who asks the same within a second gets the same.
/// </summary>
internal sealed class ClientTop(AnvilTable table, ClientRules rules, ClientReports reports, TimeProvider time) : IDisposable
{
    // A pass over fewer records is done before another thread has begun.
    private const int Large = 100_000;

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
        var first = new ClientSelection(query.Limit);
        if (query.Sort == ClientSort.Refused)
            FindRefused(query, first);
        else
            FindCounted(query, first);
        var shown = first.Take(found => reports.RowOf(found));
        return new(shown, first.Total, first.Total > shown.Length);
    }

    // Of a large table by two threads, a half each: what takes the time is the memory they read. A processor is left to sessions, which else waited for
    // milliseconds to be run.
    private void FindCounted(ClientQuery query, ClientSelection first)
    {
        if (table.Size < Large || Environment.ProcessorCount <= 2)
        {
            FindCounted(query, first, part: 0, parts: 1);
            return;
        }

        var second = new ClientSelection(query.Limit);
        Parallel.Invoke(() => FindCounted(query, first, part: 0, parts: 2), () => FindCounted(query, second, part: 1, parts: 2));
        first.AddAll(second);
    }

    private void FindCounted(ClientQuery query, ClientSelection first, int part, int parts)
    {
        var services = new ServiceRules?[byte.MaxValue + 1];
        var (sort, service, state, prefix) = (query.Sort, query.Service, query.State, query.Prefix);
        table.Scan(
            (records, now, window) =>
            {
                foreach (ref var entry in records)
                {
                    if (entry.IsFree || entry.IsExpired(now, window.Unit) || prefix is { } within && !within.Contains(entry.Client))
                        continue;
                    var its = services[entry.Service] ??= rules.Of(table.ServiceOf(entry.Service));
                    if (service is not null && service != its.Service)
                        continue;
                    entry.Roll(now, window);
                    if (state is { } asked && !IsIn(asked, its, entry, now, window))
                        continue;

                    var value = ValueOf(sort, its, entry, now, window);
                    if (first.MayEnter(value, entry))
                        first.Add(new(its, entry.Client, new(its.Service, entry, now, window)), new(value, entry.Client, its.Service));
                }
            },
            part,
            parts);
    }

    private void FindRefused(ClientQuery query, ClientSelection first)
    {
        var services = new Dictionary<string, ServiceRules>();
        table.History.Scan((key, refused) =>
        {
            if (query.Service is not null && query.Service != key.Service || query.Prefix is { } prefix && !prefix.Contains(key.Client))
                return;
            if (!services.TryGetValue(key.Service, out var its))
                services.Add(key.Service, its = rules.Of(key.Service));
            var found = new ClientFound(its, key.Client, table.Look(key));
            if (query.State is not { } state || state == reports.StateOf(found))
                first.AddAny(found, new(refused, key.Client, key.Service));
        });
    }

    // Whether it is exempt is asked last, of those that are left.
    private bool IsIn(ClientState state, ServiceRules its, in AnvilEntry entry, int now, AnvilWindow window) => state switch
    {
        ClientState.Unknown => false,
        ClientState.Exempt => rules.IsExempt(its, entry.Client),
        ClientState.Banned => rules.BanOf(its, entry.Client) is not null && !rules.IsExempt(its, entry.Client),
        _ => its.StateOf(entry, now, window) == state && !rules.IsExempt(its, entry.Client) && rules.BanOf(its, entry.Client) is null,
    };

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
