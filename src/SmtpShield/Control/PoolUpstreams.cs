using SmtpShield.Mta;

namespace SmtpShield.Control;

/// <summary>The pool's destinations for the control socket.</summary>
internal sealed class PoolUpstreams(UpstreamMaintenance maintenance) : IUpstreamControl
{
    /// <inheritdoc />
    public IEnumerable<UpstreamReport> Reports => maintenance.Pictures().Select(static picture =>
        new UpstreamReport(picture.Service, picture.Name, picture.State.ToString().ToLowerInvariant(), picture.Sessions)
        {
            Limit = picture.Limit,
            LimitInForce = picture.LimitInForce,
            Waiting = picture.Waiting,
            Weight = picture.Weight,
            GreetingMs = (int?)picture.Greeting?.TotalMilliseconds,
            Since = picture.Since,
            Reason = picture.Reason,
        });

    /// <inheritdoc />
    public bool TryDo(UpstreamAction action, string name, string by) => action switch
    {
        UpstreamAction.Drain => maintenance.Drain(name, by),
        UpstreamAction.Ready => maintenance.Ready(name, by),
        _ => maintenance.Probe(name),
    };
}
