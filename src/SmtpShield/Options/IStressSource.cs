namespace SmtpShield.Options;

/// <summary>Something that puts a service under stress: its own process limit, or its MTAs.</summary>
internal interface IStressSource
{
    /// <summary>Whether it does now.</summary>
    bool IsUnderStress { get; }
}
