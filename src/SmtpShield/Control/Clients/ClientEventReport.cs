namespace SmtpShield.Control.Clients;

/// <summary>Something a client was refused.</summary>
/// <param name="At">When.</param>
/// <param name="Kind"><c>limit</c>, <c>handshakes</c>, <c>error</c>, <c>too_many_errors</c> or <c>released</c>.</param>
internal sealed record ClientEventReport(DateTimeOffset At, string Kind)
{
    /// <summary>The parameter behind it.</summary>
    public string? Rule { get; init; }

    /// <summary>The command the MTA refused.</summary>
    public string? Verb { get; init; }

    /// <summary>The reply's code; null: nothing was said.</summary>
    public int? Code { get; init; }

    /// <summary>What was counted.</summary>
    public int? Count { get; init; }

    /// <summary>The limit it was above.</summary>
    public int? Limit { get; init; }
}
