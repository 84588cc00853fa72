using SmtpShield.Clients;

namespace SmtpShield.Shadow;

/// <summary>A client that rules would have hit, to be kept.</summary>
/// <param name="Client">Who.</param>
/// <param name="Name">Its name.</param>
/// <param name="Delivers">Whether it delivers mail.</param>
/// <param name="Hits">What each rule would have done to it.</param>
internal sealed record ShadowKeptClient(ClientRange Client, string Name, bool Delivers, IReadOnlyList<ShadowKeptHits> Hits);
