namespace SmtpShield.Host.Init;

/// <summary>What a first configuration is made of.</summary>
/// <param name="Mta">Where the MTA listens, as <c>shield_upstream</c> has it.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Balancers">The load balancers clients come through, as <c>shield_proxy_sources</c> has them; empty: clients connect themselves.</param>
/// <param name="Certificate">A file with a key and its certificate, as <c>smtpd_tls_chain_files</c> has it; empty: none.</param>
/// <param name="Hostname">The MTA's name, as <c>myhostname</c> has it.</param>
internal sealed record InitAnswers(string Mta, MtaKind Kind, string Balancers, string Certificate, string Hostname);
