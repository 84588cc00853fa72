namespace SmtpShield.Sessions;

/// <summary>What the <c>disconnect from</c> line will say of a connection. Left as a connection feature by <see cref="RecordSession"/>, filled by the session.</summary>
internal sealed class SessionRecord
{
    /// <summary>Postfix's command statistics, with the blank in front; a connection that never became a session has seen no command.</summary>
    public string Statistics { get; set; } = Relay.CommandStatistics.Describe(null);
}
