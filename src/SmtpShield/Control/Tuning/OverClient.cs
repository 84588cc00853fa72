namespace SmtpShield.Control.Tuning;

/// <summary>A client that is over a limit.</summary>
/// <param name="Client">Its address, or the network that counts as one client.</param>
/// <param name="Count">What is counted of it.</param>
/// <param name="Delivers">Whether the MTA has accepted a message of it within a day.</param>
internal sealed record OverClient(string Client, int Count, bool Delivers);
