namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>What may still happen in a run of the model: each is a number of times.</summary>
internal sealed record ModelBudget
{
    /// <summary>Connections, at either shield.</summary>
    public int Events { get; init; } = 1;

    /// <summary>Exchanges, at each shield.</summary>
    public int Exchanges { get; init; } = 3;

    /// <summary>Calls or answers that are lost.</summary>
    public int Losses { get; init; }

    /// <summary>Calls that are given up, and arrive later.</summary>
    public int Late { get; init; }

    /// <summary>Shields that are killed, and started again.</summary>
    public int Crashes { get; init; }

    /// <summary>Shields whose lease ends although they live.</summary>
    public int FalseDeaths { get; init; }

    /// <summary>Stores that are started empty.</summary>
    public int Flushes { get; init; }

    /// <summary>Replicas that take over: what the store has said since any earlier moment is lost.</summary>
    public int Failovers { get; init; }

    /// <summary>Ends of a window, while nobody talks to the store.</summary>
    public int Windows { get; init; }
}
