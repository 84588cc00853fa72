namespace SmtpShield.Limits;

/// <summary>Idle entries of a shard, in the order their last connections ended; linked through the entries themselves.</summary>
internal struct AnvilIdleList
{
    private int _newest;

    /// <summary>The entry that has been idle for the longest; 0: there is none.</summary>
    public int Oldest { get; private set; }

    /// <summary>Appends an entry that is in no list, and has not been idle for longer than those in this one.</summary>
    public void Append(AnvilShard shard, int index)
    {
        ref var entry = ref shard.At(index);
        (entry.Older, entry.Newer) = (_newest, 0);
        if (_newest == 0)
            Oldest = index;
        else
            shard.At(_newest).Newer = index;
        _newest = index;
    }

    /// <summary>Removes an entry of this list.</summary>
    public void Remove(AnvilShard shard, int index)
    {
        ref var entry = ref shard.At(index);
        if (entry.Older == 0)
            Oldest = entry.Newer;
        else
            shard.At(entry.Older).Newer = entry.Newer;
        if (entry.Newer == 0)
            _newest = entry.Older;
        else
            shard.At(entry.Newer).Older = entry.Older;
    }
}
