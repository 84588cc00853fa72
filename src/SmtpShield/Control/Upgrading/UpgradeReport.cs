namespace SmtpShield.Control.Upgrading;

/// <summary>Who serves clients since an upgrade.</summary>
/// <param name="Process">The process that serves them now.</param>
/// <param name="Version">Its version.</param>
/// <param name="Before">The process that has handed over.</param>
/// <param name="VersionBefore">Its version.</param>
/// <param name="Finishing">Connections that it serves to their end.</param>
internal sealed record UpgradeReport(int Process, string Version, int Before, string VersionBefore, int Finishing);
