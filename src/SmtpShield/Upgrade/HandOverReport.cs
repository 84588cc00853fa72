namespace SmtpShield.Upgrade;

/// <summary>Who serves clients since a hand-over.</summary>
/// <param name="OldVersion">The version of the process that has handed over.</param>
/// <param name="OldProcess">Its id.</param>
/// <param name="Version">That of the process that serves clients now.</param>
/// <param name="Process">Its id.</param>
/// <param name="Sessions">Connections that the old one serves to their end.</param>
internal sealed record HandOverReport(string OldVersion, int OldProcess, string Version, int Process, int Sessions);
