namespace SmtpShield.Control.Status;

/// <summary>One service.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Endpoints">Where it listens, as bound; none once it drains.</param>
/// <param name="Sessions">Sessions that have a place.</param>
/// <param name="ProcessLimit">Places: <c>default_process_limit</c>, or what fits of it.</param>
/// <param name="Stress">Whether new sessions get the stress values.</param>
internal sealed record ServiceReport(string Name, IReadOnlyList<string> Endpoints, int Sessions, int ProcessLimit, bool Stress);
