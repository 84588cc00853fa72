namespace SmtpShield.Testing.Attacks;

/// <summary>What somebody does to a mail server: one or more kinds of connections at the same time.</summary>
/// <param name="Name">Its name on the command line and in tests.</param>
/// <param name="Summary">What it is, in a few words.</param>
/// <param name="Parts">The kinds of connections.</param>
/// <param name="ConnectionRateLimit"><c>smtpd_client_connection_rate_limit</c> of the server under attack; null for its default.</param>
public sealed record Attack(string Name, string Summary, IReadOnlyList<AttackPart> Parts, int? ConnectionRateLimit = null)
{
    /// <summary>Its connections when all are there at the same time.</summary>
    public int Connections => Parts.Sum(part => part.Connections);

    /// <summary>The same with a fraction of the connections.</summary>
    public Attack Divided(int by) => this with { Parts = [.. Parts.Select(part => part.Divided(by))] };

    /// <inheritdoc/>
    public override string ToString() => Name;
}
