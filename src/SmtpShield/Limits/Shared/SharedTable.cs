
namespace SmtpShield.Limits.Shared;

/// <summary>The table's side of sharing over a partition of a store: what is to be reported there, and where what others count goes.</summary>
/// <param name="table">The table.</param>
/// <param name="shards">Its parts.</param>
/// <param name="map">Which client is counted in which partition.</param>
/// <param name="partition">The partition.</param>
/// <param name="rules">What is shared over it.</param>
internal sealed class SharedTable(AnvilTable table, IReadOnlyList<AnvilShard> shards, StoreMap map, int partition, SharedRules rules)
{
    private int _next;
    private int _refreshed;

    /// <summary>What is shared, which the table asks for.</summary>
    public SharedRules Rules => rules;

    /// <summary>Records that are to be reported.</summary>
    public int Backlog
    {
        get
        {
            var backlog = 0;
            foreach (var shard in shards)
            {
                lock (shard.Gate)
                    backlog += shard.Shared?.BacklogOf(partition) ?? 0;
            }

            return backlog;
        }
    }

    /// <summary>Takes records that are to be reported, as they are now.</summary>
    /// <param name="turn">Which.</param>
    /// <param name="reports">Takes them.</param>
    /// <param name="atMost">How many it may have then.</param>
    public void Take(SharedTurn turn, List<ClientReport> reports, int atMost)
    {
        // Each part begins in its turn.
        _next = (_next + 1) % shards.Count;
        for (var i = 0; i < shards.Count && reports.Count < atMost; i++)
        {
            var shard = shards[(_next + i) % shards.Count];
            lock (shard.Gate)
            {
                while (reports.Count < atMost && shard.Shared?.Take(partition, turn) is > 0 and var index)
                {
                    // It may have waited since before its service was shared no more.
                    if (!shard.At(index).IsFree && shard.Shared.IsShared(index))
                        reports.Add(ReportOf(shard.At(index)) with { Waits = shard.Shared.TakeWaits(index) });
                }
            }
        }
    }

    /// <summary>An exchange has failed: what was reported is to be reported again. Nobody waits for it.</summary>
    public void PutBack(IReadOnlyList<ClientReport> reports)
    {
        LetGo(reports);
        foreach (var report in reports)
            Add(report.Key);
    }

    /// <summary>Nobody waits any more: for these reports, nor for others to come.</summary>
    public void LetGo(IReadOnlyList<ClientReport> reports)
    {
        foreach (var report in reports)
            SharedShard.LetGo(report.Waits);
        foreach (var shard in shards)
        {
            lock (shard.Gate)
                shard.Shared?.LetGo(partition);
        }
    }

    /// <summary>Takes what the store has answered to a report.</summary>
    public void Apply(in ClientReport report, in SharedCounts counts) => Apply(report.Key, report, counts, isAdded: false);

    /// <summary>Takes what the store tells of a client by itself; nothing of one that is counted elsewhere.</summary>
    public void ApplyNews(in AnvilKey key, in SharedCounts counts)
    {
        if (map.PartitionOf(key.Client) == partition)
            Apply(key, null, counts, isAdded: !counts.AreNone);
    }

    /// <summary>
    /// Everything that counts is to be reported, as the store lacks it; clients that nothing is counted of any more, as it may lack that; and those others had
    /// connected, as these may be gone. Not those others only have rates of: what is known of them stays until they tell it again.
    /// </summary>
    /// <returns>How many.</returns>
    public int ReportEverything() => AddEach(static (shard, index, now, window) =>
        shard.At(index).Open > 0 || (shard.At(index).HasWindow && !shard.At(index).IsOver(now, window))
        || !shard.Shared!.TryGet(index, now, window, out var others) || others.Open > 0);

    /// <summary>Shields have died: what they had open is to be asked for.</summary>
    public void AskForOpen() => AddEach(static (shard, index, now, window) => shard.Shared!.TryGet(index, now, window, out var others) && others.Open > 0);

    /// <summary>Some records more are looked at: those with connections are reported again, those whose others have not been heard of are asked for.</summary>
    /// <param name="part">How large a part of all; less than one of the table's is none.</param>
    /// <param name="heardBefore">The second before which others must have been heard of.</param>
    /// <returns>Whether any were.</returns>
    public bool Refresh(double part, int heardBefore)
    {
        var count = (int)Math.Min(part * shards.Count, shards.Count);
        for (var left = count; left > 0; left--)
        {
            _refreshed = (_refreshed + 1) % shards.Count;
            AddEach(shards[_refreshed], (shard, index, now, window) =>
                shard.At(index).Open > 0 || (shard.Shared!.TryGet(index, now, window, out var others) && others.Open > 0 && others.HeardAt < heardBefore));
        }

        return count > 0;
    }

    private int AddEach(Func<AnvilShard, int, int, AnvilWindow, bool> isAdded)
    {
        var added = 0;
        foreach (var shard in shards)
            added += AddEach(shard, isAdded);
        return added;
    }

    // A chunk at a time, so that events go on.
    private int AddEach(AnvilShard shard, Func<AnvilShard, int, int, AnvilWindow, bool> isAdded)
    {
        var (added, window) = (0, table.Window);
        for (var chunk = 0; ; chunk++)
        {
            lock (shard.Gate)
            {
                var (count, now) = (shard.CountIn(chunk), table.Second);
                if (count == 0 || shard.Shared is null)
                    return added;

                for (var index = (chunk * AnvilShard.ChunkSize) + 1; count > 0; count--, index++)
                {
                    if (shard.At(index).IsFree || !IsOfThis(shard, index) || !isAdded(shard, index, now, window))
                        continue;

                    shard.Shared.Add(index, SharedTurn.Open);
                    added++;
                }
            }
        }
    }

    private bool IsOfThis(AnvilShard shard, int index) => shard.Shared!.PartitionOf(index) == partition && shard.Shared.IsShared(index);

    private void Add(in AnvilKey key)
    {
        var shard = table.ShardOf(key);
        lock (shard.Gate)
        {
            if (table.IndexOf(shard, key, isAdded: false) is > 0 and var index)
                shard.Shared?.Add(index, SharedTurn.Open);
        }
    }

    private void Apply(in AnvilKey key, in ClientReport? report, in SharedCounts counts, bool isAdded)
    {
        var window = table.Window;
        var shard = table.ShardOf(key);
        lock (shard.Gate)
        {
            var start = counts.Age < 0 ? int.MinValue : SecondOf(table.Milliseconds - counts.Age);
            if (shard.Shared is { } shared && table.IndexOf(shard, key, isAdded) is > 0 and var index)
                shared.Apply(index, report, counts, start, table.Second, window);
        }

        // Who was not answered, because the record has gone or its window is over, goes by what was known.
        SharedShard.LetGo(report?.Waits);
    }

    // Shields count whole seconds of their own: the nearest one.
    private static int SecondOf(long milliseconds) => (int)Math.Floor((milliseconds + 500) / 1000.0);

    private ClientReport ReportOf(in AnvilEntry entry)
    {
        var (now, window) = (table.Second, table.Window);
        var key = new AnvilKey(table.ServiceOf(entry.Service), entry.Client);
        if (!entry.HasWindow || entry.IsOver(now, window))
            return new(key, int.MinValue, new(SharedCounts.NoWindow, entry.Open, default));

        var age = (int)Math.Clamp(table.Milliseconds - (entry.WindowStart * 1000L), 0, int.MaxValue);
        return new(key, entry.WindowStart, new(age, entry.Open, entry.Current));
    }
}
