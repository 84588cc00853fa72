namespace SmtpShield.Options;

/// <summary>Whether new sessions of a service get the <c>$stress</c> values; there is one for each service.</summary>
/// <param name="sources">What puts it under stress: one is enough.</param>
internal sealed class ServiceStress(IEnumerable<IStressSource> sources)
{
    private readonly IStressSource[] _sources = [.. sources];

    /// <summary>Whether they do now.</summary>
    public bool IsOn => Array.Exists(_sources, static source => source.IsUnderStress);
}
