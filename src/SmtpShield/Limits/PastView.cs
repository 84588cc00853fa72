namespace SmtpShield.Limits;

/// <summary>What was refused to a client, copied.</summary>
/// <param name="First">The second of its first event that is known.</param>
/// <param name="Refused">Refusals by the shield since then.</param>
/// <param name="Events">The last ones, the newest first.</param>
/// <param name="Refusals">What has refused how often.</param>
/// <param name="Over">The limit that has refused it something last, and since when.</param>
/// <param name="Reply">By which reply the MTA has last refused it something; null: it has not, or that is not kept any more.</param>
internal sealed record PastView(
    int First, int Refused, IReadOnlyList<ClientEvent> Events, IReadOnlyList<ClientRefusals> Refusals, LimitOver? Over, string? Reply)
{
    /// <summary>
    /// The second since which a limit refuses it something in a window; null: it has not yet, or that is not known any more. Where the events do not go back to
    /// the window's begin, and another limit has come between, it is the first time behind that.
    /// </summary>
    /// <param name="limit">The limit.</param>
    /// <param name="window">The second in which the window began.</param>
    public int? OverSince(ClientLimit limit, int window)
    {
        if (Events.Count < ClientPast.Kept || Events[^1].Second < window)
        {
            return Events.LastOrDefault(noted => noted.Rule == limit && noted.Second >= window) is { Limit: > 0 } first
                ? first.Second : null;
        }

        return Over is { } over && over.Limit == limit && over.Since >= window ? over.Since : null;
    }
}
