using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Shadow;

/// <summary>The bans that hits in shadow would have led to. Who makes bans knows when, and for whom; who judges in shadow asks.</summary>
internal interface IBansInShadow
{
    /// <summary>Whether a client would be banned now. Takes no lock, and nothing while nobody would be.</summary>
    /// <param name="service">The service it is at.</param>
    /// <param name="client">The client.</param>
    bool IsBanned(string service, ClientIdentity client);

    /// <summary>A connection would have been refused, or its session ended, by a ban.</summary>
    void NoteRefused(ClientIdentity client);

    /// <summary>A client would have been refused something.</summary>
    /// <param name="key">As whom it is counted.</param>
    /// <param name="address">Its address.</param>
    /// <param name="rule">By which of <see cref="Options.ShadowRules.All"/>.</param>
    void NoteHit(in AnvilKey key, IPAddress address, string rule);
}
