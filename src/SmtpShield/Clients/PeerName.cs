using System.Net;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Clients;

/// <summary>What a look-up made of a client's address: a verified name, or none and why.</summary>
/// <param name="Name">The verified host name, or <see cref="ClientIdentity.UnknownName"/>.</param>
/// <param name="Fault">What is wrong with <paramref name="Claimed"/>.</param>
/// <param name="Claimed">The name the address claims to have, safe to log; empty if there is none.</param>
/// <param name="Reason">The resolver's words for <see cref="PeerNameFault.Unresolved"/>.</param>
internal sealed record PeerName(string Name, PeerNameFault Fault = PeerNameFault.None, string Claimed = "", string Reason = "")
{
    // As Postfix prints names that are none: %.100s.
    private const int MaxShownLength = 100;

    /// <summary>No name and nothing to tell: none exists.</summary>
    public static PeerName Unknown { get; } = new(ClientIdentity.UnknownName);

    /// <summary>No name, because nobody answered in time.</summary>
    public static PeerName Unanswered { get; } = new(ClientIdentity.UnknownName) { IsTemporary = true };

    /// <summary>Whether an unknown name may be known the next time.</summary>
    public bool IsTemporary { get; init; }

    /// <summary>
    /// The host name the address has, verified or not; <see cref="ClientIdentity.UnknownName"/> if there is none (Postfix <c>reverse_client_hostname</c>).
    /// </summary>
    public string ReverseName => Fault is PeerNameFault.Mismatch or PeerNameFault.Unresolved ? Claimed : Name;

    /// <summary>A name that is none: why it is refused unseen (Postfix <c>sockaddr_to_hostname()</c>). Null for a name that may be looked up.</summary>
    /// <param name="claimed">The name as the resolver gave it, any text.</param>
    public static PeerName? FaultOf(string claimed)
    {
        if (HostName.IsValid(claimed) && !IPAddress.TryParse(claimed, out _))
            return null;
        var isNumeric = claimed.Length > 0 && (IPAddress.TryParse(claimed, out _) || claimed.All(static c => char.IsAsciiDigit(c) || c == '.'));
        return Refused(isNumeric ? PeerNameFault.Numeric : PeerNameFault.Malformed, Shown(claimed));
    }

    /// <summary>A client without the name it claims.</summary>
    public static PeerName Refused(PeerNameFault fault, string claimed, string reason = "") => new(ClientIdentity.UnknownName, fault, claimed, reason);

    // What no host name or address has is shown as '?', blanks too: a name that is made to look like the rest of a log line doesn't.
    private static string Shown(string claimed) =>
        string.Concat(claimed.Take(MaxShownLength).Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' ? c : '?'));
}
