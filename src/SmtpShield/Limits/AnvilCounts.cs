namespace SmtpShield.Limits;

/// <summary>What anvil answers to an event: numbers that include it. Judging them is <see cref="ClientLimits"/>' part.</summary>
/// <param name="ConnectionCount">Connections the client has open.</param>
/// <param name="Rates">What it did in the current window.</param>
internal readonly record struct AnvilCounts(int ConnectionCount, AnvilEventCounts Rates)
{
    /// <summary>The counts of a client that has done nothing but connect.</summary>
    /// <param name="connectionCount">Connections it has open.</param>
    /// <param name="connectionRate">Connections it made in the current window.</param>
    public AnvilCounts(int connectionCount, int connectionRate)
        : this(connectionCount, AnvilEventCounts.OfConnections(connectionRate))
    {
    }

    /// <summary>
    /// Whether the table had no room for the client: the counts are those of a first event, and no <see cref="AnvilTable.Disconnect"/> may follow.
    /// </summary>
    public bool IsUntracked { get; init; }

    /// <summary>Connections it made in the current window.</summary>
    public int ConnectionRate => Rates[AnvilEventCounts.Connections];

    /// <summary>The events of a kind.</summary>
    public int Of(AnvilEvent kind) => Rates[AnvilEventCounts.IndexOf(kind)];

    /// <inheritdoc/>
    public bool Equals(AnvilCounts other)
    {
        for (var i = 0; i < AnvilEventCounts.Length; i++)
        {
            if (Rates[i] != other.Rates[i])
                return false;
        }

        return ConnectionCount == other.ConnectionCount && IsUntracked == other.IsUntracked;
    }

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(ConnectionCount, ConnectionRate);

    /// <inheritdoc/>
    public override string ToString()
    {
        var events = string.Concat(Enum.GetValues<AnvilEvent>().Select(Of).Select(static count => $", {count}"));
        return $"{ConnectionCount} open, {ConnectionRate}{events}{(IsUntracked ? ", untracked" : "")}";
    }
}
