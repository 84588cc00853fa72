using SmtpShield.Mta;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Session;

/// <summary>The MTAs as one client's session sees them: makes connections to them, and is told what comes of the client.</summary>
internal interface IMtaDialer
{
    /// <summary>
    /// Whether the session may be without an MTA for a while: where there is no limit on sessions with the MTA, or it is dialed for each client at once
    /// (<c>shield_upstream_connect = connect</c>), it never gives one back unasked.
    /// </summary>
    bool MayRelease { get; }

    /// <summary>Whether sessions that are not needed are to be given back.</summary>
    bool IsUnderPressure { get; }

    /// <summary>Dials, behind those who wait for a session at the MTA. What fails as can be expected is in the result.</summary>
    /// <param name="hello">The client's HELO or EHLO line, if it was answered in the MTA's place: said behind the greeting. Empty: none.</param>
    /// <param name="mayReuse">Whether another client's session with the MTA may go on with this one, if it has said HELO or EHLO.</param>
    /// <param name="wake">Makes the session look at what is asked of its <see cref="Slot"/> at the MTA; may be called at any time.</param>
    /// <param name="leaveQueue">Gives up at once while nothing but a session to be free is waited for: the client has gone.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">It was given up; nobody needs to care for what is left of it.</exception>
    ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken);

    /// <summary>The MTA has accepted a message.</summary>
    /// <param name="accepted">Commands that were accepted since the last time.</param>
    /// <param name="refused">The same for refused ones.</param>
    void NoteMessage(int accepted, int refused);

    /// <summary>The MTA has answered further commands.</summary>
    /// <param name="accepted">Commands that were accepted since the last time.</param>
    /// <param name="refused">The same for refused ones.</param>
    void NoteCommands(int accepted, int refused);

    /// <summary>The session had to be ended for others' sake, or the client made too many errors.</summary>
    void NoteBad();
}
