namespace SmtpShield.Control.Clients;

/// <summary>The answer of <c>/v1/clients</c>.</summary>
/// <param name="Clients">The first ones.</param>
/// <param name="Total">How many there are of those that were asked for.</param>
/// <param name="Truncated">Whether those are more than the answer has.</param>
internal sealed record ClientList(IReadOnlyList<ClientRow> Clients, long Total, bool Truncated);
