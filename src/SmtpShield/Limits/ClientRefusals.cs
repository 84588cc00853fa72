namespace SmtpShield.Limits;

/// <summary>How often one rule has refused a client something.</summary>
/// <param name="Kind">What kind of rule.</param>
/// <param name="Rule">The limit on clients; null: the kind says what it was.</param>
/// <param name="Count">How often, up to 65,535.</param>
internal readonly record struct ClientRefusals(ClientEventKind Kind, ClientLimit? Rule, int Count);
