using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Session;

/// <summary>Dials a service's MTAs for one client, by the options its connection began with.</summary>
internal sealed class MtaDialer(UpstreamPool upstreams, ConnectionOptions options, UpstreamClient client) : IMtaDialer
{
    /// <inheritdoc />
    public ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken) =>
        upstreams.DialAsync(options.Service, options.AtStart, client with { Hello = hello }, wake, leaveQueue, cancellationToken);
}
