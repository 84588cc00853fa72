namespace SmtpShield.Host.Import;

/// <summary>A configuration made from Postfix's.</summary>
/// <param name="Text">The file.</param>
/// <param name="Notes">What the administrator has to know; the file says it, too.</param>
/// <param name="Services">The services the shield takes over, and what is to change in master.cf for them.</param>
internal sealed record ImportResult(string Text, IReadOnlyList<ImportNote> Notes, IReadOnlyList<ShieldedService> Services);
