using SmtpShield.Mta;

namespace SmtpShield.Session;

/// <summary>Makes a connection to an MTA for one client.</summary>
internal interface IMtaDialer
{
    /// <summary>Dials. What fails as can be expected is in the result.</summary>
    /// <param name="hello">The client's HELO or EHLO line, if it was answered in the MTA's place: said behind the greeting. Empty: none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OperationCanceledException">It was given up; nothing is left open.</exception>
    ValueTask<UpstreamDialResult> DialAsync(ReadOnlyMemory<byte> hello, CancellationToken cancellationToken);
}
