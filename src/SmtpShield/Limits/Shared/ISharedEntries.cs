namespace SmtpShield.Limits.Shared;

/// <summary>Something that shields tell each other: bans, releases.</summary>
internal interface ISharedEntries
{
    /// <summary>Says from now on what is to be told.</summary>
    /// <param name="tell">
    /// Takes the key of an entry, and what makes it when it is told; that may find that there is nothing left to tell. Null: nobody listens.
    /// </param>
    void Follow(Action<string, Func<SharedEntry?>>? tell);

    /// <summary>Says all there is: the store knows nothing of it.</summary>
    void TellAll();

    /// <summary>Takes what another shield has told.</summary>
    /// <returns>False: it is of another kind, or cannot be read.</returns>
    bool TryTake(in SharedEntry entry);
}
