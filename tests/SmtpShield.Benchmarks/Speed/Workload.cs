namespace SmtpShield.Benchmarks.Speed;

/// <summary>Something that contenders do one after the other, several times.</summary>
/// <param name="name">Its name on the command line.</param>
/// <param name="summary">What it is, for people.</param>
/// <param name="unit">What is counted, in the plural.</param>
/// <param name="reference">The contender with whom the others are compared.</param>
internal abstract class Workload(string name, string summary, string unit, string reference = Contender.HAProxy)
{
    /// <summary>Its name on the command line.</summary>
    public string Name => name;

    /// <summary>What it is, for people.</summary>
    public string Summary => summary;

    /// <summary>What is counted, in the plural.</summary>
    public string Unit => unit;

    /// <summary>The contender with whom the others are compared.</summary>
    public string Reference => reference;

    /// <summary>Starts servers and contenders.</summary>
    public abstract Task<Arena> StartAsync(CancellationToken cancellationToken);

    /// <summary>One round with one contender.</summary>
    public abstract Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken);
}
