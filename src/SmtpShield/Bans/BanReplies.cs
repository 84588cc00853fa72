using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Protocol;

namespace SmtpShield.Bans;

/// <summary>What a banned client is told: 421, in the words of the rule that led to it.</summary>
internal static class BanReplies
{
    private const string Words = "Error: ";

    /// <summary>The reply.</summary>
    /// <param name="rule">The ban's.</param>
    /// <param name="myHostname">The shield's name.</param>
    /// <param name="client">The client.</param>
    public static Reply Of(string rule, string myHostname, ClientIdentity client) => rule switch
    {
        LimitRules.HardErrors => Replies.TooManyErrors(myHostname),
        LimitRules.Pipelining => Replies.BannedForPipelining(myHostname),
        LimitRules.ForbiddenCommands => Replies.BannedForNotSmtp(myHostname),
        _ when ClientLimits.Find(rule) is { } limit => Reply.Of($"421 4.7.0 {myHostname} {WordsOf(limit, myHostname, client)}"),
        _ => Replies.Banned(myHostname, client.AddressText),
    };

    // Those of a rate that is not judged at connect begin with 450.
    private static string WordsOf(ClientLimit limit, string myHostname, ClientIdentity client)
    {
        var text = limit.Text(myHostname, limit.HasNameInReply ? client.NameAddress : client.AddressText);
        return text[text.IndexOf(Words, StringComparison.Ordinal)..];
    }
}
