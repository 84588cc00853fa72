namespace SmtpShield.Limits;

/// <summary>Pasts of clients in the order they were noted in, linked through themselves.</summary>
internal struct PastList
{
    /// <summary>The one that was noted most recently; 0: there is none.</summary>
    public int Newest { get; private set; }

    /// <summary>The one that was noted least recently; 0: there is none.</summary>
    public int Oldest { get; private set; }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Appends one that is in no list.</summary>
    public void Append(PastTable table, int index)
    {
        ref var past = ref table.At(index);
        (past.Older, past.Newer) = (Newest, 0);
        if (Newest == 0)
            Oldest = index;
        else
            table.At(Newest).Newer = index;
        Newest = index;
        Count++;
    }

    /// <summary>Removes one of this list.</summary>
    public void Remove(PastTable table, int index)
    {
        ref var past = ref table.At(index);
        if (past.Older == 0)
            Oldest = past.Newer;
        else
            table.At(past.Older).Newer = past.Newer;
        if (past.Newer == 0)
            Newest = past.Older;
        else
            table.At(past.Newer).Older = past.Older;
        Count--;
    }
}
