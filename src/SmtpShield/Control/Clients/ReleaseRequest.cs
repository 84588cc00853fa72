using SmtpShield.Control.Changes;

namespace SmtpShield.Control.Clients;

/// <summary>The body of a release.</summary>
/// <param name="Service">At which service; null: at all.</param>
/// <param name="ForS">Seconds the client is exempt from now on; null: it is not.</param>
/// <param name="Why">For the log.</param>
internal sealed record ReleaseRequest(string? Service = null, long? ForS = null, string? Why = null) : ChangeRequest(Why);
