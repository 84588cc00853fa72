namespace SmtpShield.Limits;

/// <summary>Pasts of clients in the order they were noted in, linked through themselves.</summary>
internal struct PastList
{
    /// <summary>The one that was noted most recently.</summary>
    public ClientPast? Newest { get; private set; }

    /// <summary>The one that was noted least recently.</summary>
    public ClientPast? Oldest { get; private set; }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Appends one that is in no list.</summary>
    public void Append(ClientPast past)
    {
        (past.Older, past.Newer) = (Newest, null);
        if (Newest is null)
            Oldest = past;
        else
            Newest.Newer = past;
        Newest = past;
        Count++;
    }

    /// <summary>Removes one of this list.</summary>
    public void Remove(ClientPast past)
    {
        if (past.Older is null)
            Oldest = past.Newer;
        else
            past.Older.Newer = past.Newer;
        if (past.Newer is null)
            Newest = past.Older;
        else
            past.Newer.Older = past.Older;
        Count--;
    }
}
