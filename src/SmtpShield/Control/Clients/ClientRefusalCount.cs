namespace SmtpShield.Control.Clients;

/// <summary>How often a rule has refused a client something.</summary>
/// <param name="Rule">The name of its parameter.</param>
/// <param name="Count">How often; 65,535 and more are one.</param>
internal sealed record ClientRefusalCount(string Rule, int Count);
