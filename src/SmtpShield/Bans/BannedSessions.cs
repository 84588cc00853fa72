using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Protocol;

namespace SmtpShield.Bans;

/// <summary>Sessions that a client has open when it is banned: each is told at its next command.</summary>
internal sealed class BannedSessions(BanTable bans, NeverBanned never, Exemptions exemptions)
{
    /// <summary>What a client is told whose session ends here; null: it may go on.</summary>
    public Reply? Dismiss(ClientConnection connection)
    {
        // Who has no counter was exempt when it connected.
        if (bans.Count == 0 || connection.Counter is null || bans.Find(connection.Client.Address) is not { } ban)
            return null;

        var options = connection.Options.Newest;
        if (exemptions.Find(connection.Client.Address) is not null || never.WhyNot(options, connection.Client) is not null)
            return null;

        ban.NoteRefused();
        if (never.IsNewlySure(ban, connection.Client, connection.Options.AtStart.Smtpd.PeernameLookup && !connection.Client.IsNameTemporary))
            bans.NoteLookedAt(ban);
        connection.Metrics.NoteBanRefusal();
        return BanReplies.Of(ban.Rule, options.Smtpd.MyHostname, connection.Client);
    }
}
