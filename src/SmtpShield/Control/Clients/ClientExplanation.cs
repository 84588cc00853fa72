namespace SmtpShield.Control.Clients;

/// <summary>The answer of <c>/v1/clients/{address}</c>.</summary>
/// <param name="Address">The address.</param>
/// <param name="Services">How it stands at each service.</param>
internal sealed record ClientExplanation(string Address, IReadOnlyList<ClientAtService> Services);
