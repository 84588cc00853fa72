using System.Text.Json.Serialization;

namespace SmtpShield.Control.Status;

/// <summary>One service.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Endpoints">Where it listens, as bound; none once it drains.</param>
/// <param name="Sessions">Sessions that have a place.</param>
/// <param name="ProcessLimit">Places: <c>default_process_limit</c>, or what fits of it.</param>
/// <param name="Stress">Whether new sessions get the stress values.</param>
internal sealed record ServiceReport(string Name, IReadOnlyList<string> Endpoints, int Sessions, int ProcessLimit, bool Stress)
{
    /// <summary>Whether there is no place left.</summary>
    [JsonIgnore]
    public bool IsFull => Sessions >= ProcessLimit;

    /// <summary>Limits that are judged in shadow now.</summary>
    public int ShadowRules { get; init; }

    /// <summary>Connections of clients a second, lately.</summary>
    public double? ConnectionsS { get; init; }

    /// <summary>Messages the MTA has accepted a second, lately.</summary>
    public double? MessagesS { get; init; }

    /// <summary>Connections that were not served a second, lately.</summary>
    public double? RefusedS { get; init; }
}
