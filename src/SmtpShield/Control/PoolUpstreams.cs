using Microsoft.AspNetCore.Http;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Control;

/// <summary>The pool's destinations for the control socket.</summary>
internal sealed class PoolUpstreams(UpstreamPool pool, ShieldSnapshot snapshot) : IUpstreamControl
{
    /// <inheritdoc />
    public IEnumerable<UpstreamReport> Reports =>
        from service in snapshot.Current.Services.Keys.DefaultIfEmpty(ServiceOptions.DefaultName)
        let available = pool.AvailableDestinationsOf(service).ToHashSet(StringComparer.OrdinalIgnoreCase)
        let configured = snapshot.Current.Of(service).Upstream.Destinations.Select(static destination => $"{destination}").ToList()
        from name in pool.DestinationsOf(service).OrderBy(name => configured.FindIndex(other => other.Equals(name, StringComparison.OrdinalIgnoreCase)))
        select new UpstreamReport(service, name, available.Contains(name) ? UpstreamState.Up : UpstreamState.Down, pool.SessionsOf(name));

    /// <inheritdoc />
    public void Do(UpstreamAction action, string name) => throw new ControlException(
        StatusCodes.Status501NotImplemented, new ControlProblem("this version of the shield can't do that", "change shield_upstream and save"));
}
