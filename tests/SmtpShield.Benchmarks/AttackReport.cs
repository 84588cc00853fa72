namespace SmtpShield.Benchmarks;

/// <summary>What the process of the attackers says at its end.</summary>
/// <param name="Connected">Connections established.</param>
/// <param name="Failed">Attempts to connect that failed.</param>
/// <param name="Greeted">Connections greeted with 220.</param>
/// <param name="Refused">Connections greeted otherwise or not at all.</param>
/// <param name="Replies">Replies to commands.</param>
/// <param name="Rejected">Replies with 4xx and 5xx.</param>
/// <param name="Handshakes">TLS handshakes the server answered.</param>
/// <param name="CpuSeconds">Processor time of the attackers themselves, in seconds.</param>
internal sealed record AttackReport(long Connected, long Failed, long Greeted, long Refused, long Replies, long Rejected, long Handshakes, double CpuSeconds);
