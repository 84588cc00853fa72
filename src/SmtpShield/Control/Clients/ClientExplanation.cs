namespace SmtpShield.Control.Clients;

/// <summary>The answer of <c>/v1/clients/{address}</c>.</summary>
/// <param name="Address">The address.</param>
/// <param name="Services">How it stands at each service.</param>
internal sealed record ClientExplanation(string Address, IReadOnlyList<ClientAtService> Services)
{
    /// <summary>When that was so.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>Its verified host name, where a service has them looked up.</summary>
    public string? Name { get; init; }
}
