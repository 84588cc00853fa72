using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>Whose events share one record: a client at one service. <c>smtp</c> and <c>submission</c> never share counters (anvil(8)).</summary>
/// <param name="Service">The service's name, as in <c>for service smtp</c>.</param>
/// <param name="Client">The client.</param>
internal readonly record struct AnvilKey(string Service, ClientRange Client)
{
    /// <summary><c>smtp:192.0.2.7</c>, as in anvil's log lines.</summary>
    public override string ToString() => $"{Service}:{Client}";
}
