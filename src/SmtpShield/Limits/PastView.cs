namespace SmtpShield.Limits;

/// <summary>What was refused to a client, copied.</summary>
/// <param name="First">The second of its first event that is known.</param>
/// <param name="Refused">Refusals by the shield since then.</param>
/// <param name="Events">The last ones, the newest first.</param>
/// <param name="Refusals">What has refused how often.</param>
/// <param name="Runs">Since when which limits refuse it something.</param>
/// <param name="Reply">By which reply the MTA has last refused it something; null: it has not, or that is not kept any more.</param>
internal sealed record PastView(
    int First, int Refused, IReadOnlyList<ClientEvent> Events, IReadOnlyList<ClientRefusals> Refusals, OverRuns Runs, string? Reply)
{
    /// <summary>A copy.</summary>
    public static PastView Of(in ClientPast past, string? reply) => new(past.First, past.Refused, past.Events(), past.Refusals(), past.Runs, reply);
}
