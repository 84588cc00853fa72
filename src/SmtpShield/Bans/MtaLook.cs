using System.Net;
using SmtpShield.Mta;
using SmtpShield.Mta.Stress;

namespace SmtpShield.Bans;

/// <summary>What keeps a service's MTAs from being trusted in what they refuse; null: nothing.</summary>
internal delegate string? MtaTrouble(string service);

/// <summary>The addresses of a service's MTAs, as far as they are known.</summary>
internal delegate IEnumerable<IPAddress> MtaAddresses(string service);

/// <summary>What bans have to know of MTAs.</summary>
internal sealed class MtaLook(UpstreamPool pool, UpstreamMaintenance upstreams)
{
    /// <inheritdoc cref="MtaTrouble"/>
    public string? TroubleAt(string service) =>
        pool.StressOf(service) == StressLevel.Stressed ? "its MTA is under stress"
        : upstreams.Pictures().Any(picture => picture.Service == service && picture.State is UpstreamState.Up or UpstreamState.Busy) ? null
        : "it has no MTA that is up";

    /// <inheritdoc cref="MtaAddresses"/>
    public IEnumerable<IPAddress> AddressesOf(string service) => pool.AddressesOf(service);
}
