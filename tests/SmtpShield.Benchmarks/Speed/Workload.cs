namespace SmtpShield.Benchmarks.Speed;

/// <summary>Something that contenders do one after the other, several times.</summary>
internal abstract class Workload
{
    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>What it is, for people.</summary>
    public abstract string Summary { get; }

    /// <summary>What is counted, in the plural.</summary>
    public abstract string Unit { get; }

    /// <summary>The contender with whom the others are compared.</summary>
    public virtual string Reference => Contender.HAProxy;

    /// <summary>Starts servers and contenders.</summary>
    public abstract Task<Arena> StartAsync(CancellationToken cancellationToken);

    /// <summary>One round with one contender.</summary>
    public abstract Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken);
}
