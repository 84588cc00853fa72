namespace SmtpShield.Control.Clients;

/// <summary>A client at a service, in a list. What is not known is left out of the answer.</summary>
/// <param name="Service">The service.</param>
/// <param name="Client">Its address, or the network that counts as one client.</param>
/// <param name="State"><c>unknown</c>, <c>free</c>, <c>near</c>, <c>limited</c>, <c>banned</c> or <c>exempt</c>.</param>
/// <param name="Counts">What is counted of it.</param>
/// <param name="Refused">Refusals by the shield, as far as they are remembered.</param>
internal sealed record ClientRow(string Service, string Client, string State, ClientCounts Counts, int Refused)
{
    /// <summary>The rule that refuses what it does next, else the one it is nearest to.</summary>
    public string? Rule { get; init; }

    /// <summary>What is counted for that rule.</summary>
    public int? Count { get; init; }

    /// <summary>The rule's value.</summary>
    public int? Limit { get; init; }

    /// <summary>From when on nothing is refused any more, if it does nothing until then; null: it is not limited, or that is no time.</summary>
    public DateTimeOffset? Until { get; init; }
}
