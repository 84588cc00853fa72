namespace SmtpShield.Limits;

/// <summary>What anvil answers to an event: numbers that include it. Judging them is the policies' part.</summary>
/// <param name="ConnectionCount">Connections the client has open.</param>
/// <param name="ConnectionRate">Connections it made in the current window. The others are of the same window.</param>
/// <param name="Messages">See <see cref="AnvilEvent.Message"/>.</param>
/// <param name="Recipients">See <see cref="AnvilEvent.Recipient"/>.</param>
/// <param name="NewTlsSessions">See <see cref="AnvilEvent.NewTlsSession"/>.</param>
/// <param name="Auths">See <see cref="AnvilEvent.Auth"/>.</param>
/// <param name="Errors">See <see cref="AnvilEvent.Error"/>.</param>
/// <param name="AuthFailures">See <see cref="AnvilEvent.AuthFailure"/>.</param>
internal readonly record struct AnvilCounts(
    int ConnectionCount, int ConnectionRate, int Messages = 0, int Recipients = 0, int NewTlsSessions = 0, int Auths = 0, int Errors = 0, int AuthFailures = 0)
{
    /// <summary>Whether the table had no room for the client: the counts are those of a first event, and no <see cref="AnvilTable.Disconnect"/> may follow.</summary>
    public bool IsUntracked { get; init; }

    /// <summary>The events of a kind.</summary>
    public int Of(AnvilEvent kind) => kind switch
    {
        AnvilEvent.Message => Messages,
        AnvilEvent.Recipient => Recipients,
        AnvilEvent.NewTlsSession => NewTlsSessions,
        AnvilEvent.Auth => Auths,
        AnvilEvent.Error => Errors,
        AnvilEvent.AuthFailure => AuthFailures,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
