using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Shadow;

namespace SmtpShield.Tests.Shadow;

/// <summary>Nobody would be banned.</summary>
internal sealed class NoBans : IBansInShadow
{
    public static readonly NoBans Instance = new();

    public bool IsBanned(string service, ClientIdentity client) => false;

    public void NoteRefused(ClientIdentity client)
    {
    }

    public void NoteHit(in AnvilKey key, IPAddress address, string rule)
    {
    }
}
