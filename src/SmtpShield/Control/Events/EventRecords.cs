namespace SmtpShield.Control.Events;

/// <summary>An event of the topic <c>limited</c> or <c>released</c>.</summary>
/// <param name="At">When.</param>
/// <param name="Service">At which service.</param>
/// <param name="Client">The address, or the network that counts as one client.</param>
/// <param name="Kind">As of the client's <c>events</c>: <c>limit</c>, <c>handshakes</c>, <c>too_many_errors</c> or <c>released</c>.</param>
internal sealed record ClientStreamEvent(DateTimeOffset At, string Service, string Client, string Kind)
{
    /// <summary>The parameter behind it.</summary>
    public string? Rule { get; init; }

    /// <summary>The reply's code; null: nothing was said.</summary>
    public int? Code { get; init; }

    /// <summary>What was counted.</summary>
    public int? Count { get; init; }

    /// <summary>The limit it was above.</summary>
    public int? Limit { get; init; }
}

/// <summary>Events of a topic that were left out, because there were too many in their second.</summary>
/// <param name="At">When their second was over.</param>
/// <param name="More">How many.</param>
internal sealed record MoreEvents(DateTimeOffset At, int More);

/// <summary>An event of the topic <c>log</c>: a line of the log.</summary>
/// <param name="At">When it was logged.</param>
/// <param name="Id">The event's id, as in the list of log lines.</param>
/// <param name="Level"><c>information</c>, <c>warning</c>, <c>error</c> or <c>critical</c>.</param>
/// <param name="Process">The Postfix process it stands for.</param>
/// <param name="Text">The line, without the mail log's header and severity word.</param>
internal sealed record LogEvent(DateTimeOffset At, int Id, string Level, string Process, string Text)
{
    /// <summary>The service it is about; null: none.</summary>
    public string? Service { get; init; }
}

/// <summary>An event of the topic <c>stress</c>.</summary>
/// <param name="At">When it was seen.</param>
/// <param name="Service">The service.</param>
/// <param name="Stress">Whether new sessions get the stress values now.</param>
internal sealed record StressEvent(DateTimeOffset At, string Service, bool Stress);

/// <summary>An event of the topic <c>upstream</c>.</summary>
/// <param name="At">When it was seen.</param>
/// <param name="Service">The service.</param>
/// <param name="Name">The destination as configured, <c>host:port</c>.</param>
/// <param name="State">Its state now.</param>
internal sealed record UpstreamEvent(DateTimeOffset At, string Service, string Name, string State)
{
    /// <summary>Its state before; null: it was not there.</summary>
    public string? Was { get; init; }

    /// <summary>Why it is not up; null: it is, or nobody knows.</summary>
    public string? Reason { get; init; }
}

/// <summary>An event of the topic <c>stats</c>: the newest point of each series.</summary>
/// <param name="At">When.</param>
/// <param name="Values">By the names of the series; what is not known is left out.</param>
internal sealed record StatsEvent(DateTimeOffset At, IReadOnlyDictionary<string, double> Values);
