namespace SmtpShield.Limits.Shared;

/// <summary>Something that shields tell each other: bans, releases.</summary>
internal interface ISharedEntries
{
    /// <summary>Says from now on what is to be told.</summary>
    /// <param name="tell">
    /// Takes the key of an entry, and what makes it when it is told; that may find that there is nothing left to tell. Null: nobody listens.
    /// </param>
    void Follow(Action<string, Func<SharedEntry?>>? tell);

    /// <summary>All there is to tell, for a store that knows nothing of it: keys, and what makes their entries.</summary>
    IEnumerable<(string Key, Func<SharedEntry?> Entry)> All();

    /// <summary>Takes what another shield has told.</summary>
    /// <returns>False: it is of another kind, or cannot be read.</returns>
    bool TryTake(in SharedEntry entry);
}
