namespace SmtpShield.Limits;

/// <summary>Messages of a range that the MTA has accepted, as they are kept.</summary>
/// <param name="Count">How many; 0: none.</param>
/// <param name="LastAt">The second of the last one, since 1970: up to 2106.</param>
internal readonly record struct AcceptedMessages(uint Count, uint LastAt)
{
    /// <summary>As they are told.</summary>
    public DeliveredMail Told() => new(Count, DateTimeOffset.FromUnixTimeSeconds(LastAt));

    /// <summary>With more of them.</summary>
    public AcceptedMessages With(AcceptedMessages more) =>
        new(Count > uint.MaxValue - more.Count ? uint.MaxValue : Count + more.Count, Math.Max(LastAt, more.LastAt));
}
