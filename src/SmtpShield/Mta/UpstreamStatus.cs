using SmtpShield.Mta.Stress;

namespace SmtpShield.Mta;

/// <summary>How a destination of a service is doing: a picture of one moment.</summary>
/// <param name="Service">The service.</param>
/// <param name="Name">The destination as configured, <c>host:port</c>.</param>
/// <param name="State">What is known of it.</param>
/// <param name="Sessions">Sessions it has now, of all services: whatever counts for the limit.</param>
/// <param name="Waiting">Clients that wait for one of its sessions, of all services; one that waits for several destinations counts at each.</param>
/// <param name="Limit">Sessions it may have; 0: as many as there are.</param>
/// <param name="LimitInForce">Sessions it may have now.</param>
/// <param name="Weight">How often it is written.</param>
/// <param name="Greeting">How long it took to greet, last; null: it has not yet.</param>
/// <param name="Since">Since when it is in that state.</param>
/// <param name="Reason">Why it is, in the words of the log; empty when there is nothing to say.</param>
internal sealed record UpstreamStatus(
    string Service, string Name, UpstreamState State, int Sessions, int Waiting, int Limit, int LimitInForce, int Weight, TimeSpan? Greeting,
    DateTimeOffset Since, string Reason)
{
    /// <summary>Of <see cref="Sessions"/>, those that wait for another client.</summary>
    public int Kept { get; init; }

    /// <summary>How hard pressed it is, why, and what was seen of it in the last ten seconds.</summary>
    public (StressLevel Level, StressReason Reason, StressSignals Signals) Stress { get; init; }
}
