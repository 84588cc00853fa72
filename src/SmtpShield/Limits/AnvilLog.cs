namespace SmtpShield.Limits;

/// <summary>What clients have used of their budgets for the log, which stands in their records: events of the log are none of anvil's.</summary>
/// <param name="table">The records.</param>
internal sealed class AnvilLog(AnvilTable table)
{
    /// <summary>Takes an event out of the client's budget. It counts no connection, but makes a record where there is none.</summary>
    /// <param name="key">The client.</param>
    /// <param name="kind">The kind of event.</param>
    /// <param name="limit">Events of a kind a minute, above 0.</param>
    public LogTurn Take(in AnvilKey key, LogEventKind kind, int limit)
    {
        var shard = table.ShardOf(key);
        lock (shard.Gate)
        {
            var index = table.IndexOf(shard, key, isAdded: true);
            if (index == 0)
                return new(IsWithin: true, IsFirst: true, SecondsLeft: 0);

            var now = table.Second;
            ref var use = ref shard.At(index).LogUse;
            var isWithin = use.TryTake(kind, limit, now, out var isFirst);
            return new(isWithin, isFirst, use.SecondsLeft(now));
        }
    }

    /// <summary>Whether a connection of the client could be logged, however it ends: refused, or a session.</summary>
    /// <param name="key">The client.</param>
    /// <param name="limit">Events of a kind a minute, above 0.</param>
    public bool HasRoom(in AnvilKey key, int limit)
    {
        var shard = table.ShardOf(key);
        lock (shard.Gate)
        {
            var now = table.Second;
            var index = table.IndexOf(shard, key, isAdded: false);
            return index == 0
                || (shard.At(index).LogUse.HasRoom(LogEventKind.Connection, limit, now) && shard.At(index).LogUse.HasRoom(LogEventKind.Session, limit, now));
        }
    }

    /// <summary>Counts a client for a summary of the log.</summary>
    /// <param name="key">The client.</param>
    /// <param name="period">Which summary; above 0.</param>
    /// <returns>False: it was counted already. One without a record never was.</returns>
    public bool TryMark(in AnvilKey key, ushort period)
    {
        var shard = table.ShardOf(key);
        lock (shard.Gate)
        {
            var index = table.IndexOf(shard, key, isAdded: false);
            return index == 0 || shard.At(index).LogUse.TryMark(period);
        }
    }
}
