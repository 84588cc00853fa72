using SmtpShield.Mta;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Session;

/// <summary>Makes a connection to an MTA for one client.</summary>
internal interface IMtaDialer
{
    /// <summary>Dials, behind those who wait for a session at the MTA. What fails as can be expected is in the result.</summary>
    /// <param name="hello">The client's HELO or EHLO line, if it was answered in the MTA's place: said behind the greeting. Empty: none.</param>
    /// <param name="wake">Makes the session look at what is asked of its <see cref="Slot"/> at the MTA; may be called at any time.</param>
    /// <param name="leaveQueue">Gives up at once while nothing but a session to be free is waited for: the client has gone.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">It was given up; nobody needs to care for what is left of it.</exception>
    ValueTask<UpstreamDialResult> DialAsync(ReadOnlyMemory<byte> hello, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken);
}
