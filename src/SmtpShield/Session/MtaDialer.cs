using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Session;

/// <summary>Dials a service's MTAs for one client, by the options its connection began with.</summary>
internal sealed class MtaDialer(UpstreamPool upstreams, MtaPressure pressure, ConnectionOptions options, UpstreamClient client) : IMtaDialer
{
    /// <inheritdoc />
    public bool MayRelease => options.AtStart.Upstream is { SessionLimit: > 0, Connect: not UpstreamConnect.Connect };

    /// <inheritdoc />
    public bool IsUnderPressure => pressure.Look();

    /// <inheritdoc />
    public async ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken)
    {
        var introduced = client with { Hello = hello, MayReuse = mayReuse && !hello.IsEmpty };
        var dial = await upstreams.DialAsync(options.Service, options.AtStart, introduced, wake, leaveQueue, cancellationToken).ConfigureAwait(false);
        pressure.Look();
        return dial;
    }

    /// <inheritdoc />
    public void NoteMessage(int accepted, int refused) => upstreams.NoteMessage(client.Identity.Range, accepted, refused);

    /// <inheritdoc />
    public void NoteCommands(int accepted, int refused) => upstreams.KnownClients.NoteCommands(client.Identity.Range, accepted, refused);

    /// <inheritdoc />
    public void NoteBad() => upstreams.NoteBad(client.Identity.Range);
}
