namespace SmtpShield.Control.Clients;

/// <summary>What a release did at a service.</summary>
/// <param name="Service">The service.</param>
/// <param name="Client">Whose counts were set to 0: its address, or the network that counts as one client.</param>
/// <param name="Before">What had been counted; its open connections still are.</param>
/// <param name="State">How it stands now.</param>
internal sealed record ReleasedAtService(string Service, string Client, ClientCounts Before, string State)
{
    /// <summary>Until when it is refused all the same, in words: it has too many connections open.</summary>
    public string? Ends { get; init; }
}
