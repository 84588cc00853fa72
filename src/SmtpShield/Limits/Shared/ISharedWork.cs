namespace SmtpShield.Limits.Shared;

/// <summary>Something that shields do together over their stores.</summary>
internal interface ISharedWork
{
    /// <summary>Does it, and fails never: a store is an adviser.</summary>
    /// <param name="period">With which stores.</param>
    /// <param name="over">Cancelled when the period is over: it says what is left to say, and ends.</param>
    Task ShareAsync(SharingPeriod period, CancellationToken over);
}
