namespace SmtpShield.Testing.Attacks;

/// <summary>Connections of one kind. Each comes again when it has ended, until the attack is over.</summary>
/// <param name="Session">What one does; it returns when it is done or the server has closed.</param>
/// <param name="Connections">How many there are at the same time.</param>
/// <param name="Addresses">From how many addresses they come.</param>
/// <param name="Interval">The least time from one connection to the next that takes its place; zero for full speed.</param>
public sealed record AttackPart(Func<AttackConnection, CancellationToken, Task> Session, int Connections, int Addresses, TimeSpan Interval)
{
    /// <summary>Whether its connections come one after the other, spread over the interval, instead of all at once.</summary>
    public bool IsSpread { get; init; }

    /// <summary>Whether its window and its segments are as small as the kernel lets them be, for those who don't read.</summary>
    public bool HasSmallBuffers { get; init; }

    /// <summary>The same with a fraction of the connections, from as many addresses if there are enough: no more of each address than before.</summary>
    public AttackPart Divided(int by)
    {
        var connections = Math.Max(1, Connections / by);
        return this with { Connections = connections, Addresses = Math.Min(Addresses, connections) };
    }
}
