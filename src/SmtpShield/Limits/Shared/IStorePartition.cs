namespace SmtpShield.Limits.Shared;

/// <summary>Where shields say to each other what they count of some clients: a partition of a store.</summary>
internal interface IStorePartition
{
    /// <summary>One exchange.</summary>
    /// <returns>Null: a later call was here before, and this one has changed nothing.</returns>
    /// <exception cref="SharedStoreException">It has not answered, or not as it should.</exception>
    Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call);

    /// <summary>Tells entries, and hears those of others.</summary>
    /// <exception cref="SharedStoreException">It has not answered, or not as it should.</exception>
    Task<EntryAnswer> TellAsync(EntryCall call);
}
