using SmtpShield.Control.Banning;
using SmtpShield.Control.Exempt;
using SmtpShield.Control.InShadow;

namespace SmtpShield.Control.Clients;

/// <summary>All there is to say of a client at one service. What is not known is left out of the answer.</summary>
/// <param name="Service">The service.</param>
/// <param name="Client">Its address, or the network that counts as one client.</param>
/// <param name="State"><c>unknown</c>, <c>free</c>, <c>near</c>, <c>limited</c>, <c>banned</c> or <c>exempt</c>.</param>
/// <param name="Counts">What is counted of it; zeros where nothing is.</param>
/// <param name="WindowS">Seconds rates are counted over.</param>
/// <param name="Sliding">Whether rates are estimates over the last of these seconds.</param>
/// <param name="Rules">The limits there are, in the order they are judged in.</param>
/// <param name="KnownGood">The MTA has accepted a message of it lately, and no fewer commands than it has refused.</param>
/// <param name="Events">What it was refused, the newest first, as far as it is remembered.</param>
/// <param name="Notes">What else is to be known, a sentence each.</param>
internal sealed record ClientAtService(
    string Service, string Client, string State, ClientCounts Counts, int WindowS, bool Sliding, IReadOnlyList<ClientRule> Rules, bool KnownGood,
    IReadOnlyList<ClientEventReport> Events, IReadOnlyList<string> Notes)
{
    /// <summary>The rule that refuses what it does next.</summary>
    public string? Rule { get; init; }

    /// <summary>From when on no rule refuses anything, if it does nothing until then; null: it is not limited, or that is no time.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>When its window began; null: it has none, or rates are estimates.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Seconds since it was heard what other shields count of it; null: nothing is known of that.</summary>
    public int? ElsewhereAgeS { get; init; }

    /// <summary>Why it is exempt.</summary>
    public ExemptBy? Exempt { get; init; }

    /// <summary>
    /// What limits in shadow would do, or would have done: empty where none would; null: nothing is in shadow, nor was, or the client is exempt.
    /// </summary>
    public IReadOnlyList<ClientInShadow>? Shadow { get; init; }

    /// <summary>The ban that covers it, although it may be exempt; null: none.</summary>
    public BanReport? Ban { get; init; }

    /// <summary>Its hits that count for a ban now; null: nobody is banned for what it does here, or it is exempt.</summary>
    public int? BanHits { get; init; }

    /// <summary>How many of them ban.</summary>
    public int? BanThreshold { get; init; }

    /// <summary>Seconds within which that many do.</summary>
    public int? BanWindowS { get; init; }

    /// <summary>Refusals by the shield that are remembered.</summary>
    public int? Refused { get; init; }

    /// <summary>Since when they are.</summary>
    public DateTimeOffset? RefusedSince { get; init; }

    /// <summary>How often which rule did it, the most frequent first.</summary>
    public IReadOnlyList<ClientRefusalCount>? Refusals { get; init; }

    /// <summary>By which reply the MTA has last refused it something: the first line, at most 96 octets.</summary>
    public string? MtaReply { get; init; }

    /// <summary>Its mail that the MTA has accepted; null: none that is known, or the shield does not see it.</summary>
    public AcceptedMail? Accepted { get; init; }
}
