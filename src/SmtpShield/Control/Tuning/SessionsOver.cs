using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// How many sessions there are above a limit on sessions, with another value, now. Nothing happens to them: there are no new ones until so many are over. Of
/// the limits inside a session nothing is said, because only each session's own loop knows its errors.
/// </summary>
internal sealed class SessionsOver(ServiceScopes scopes, UpstreamMaintenance upstreams)
{
    /// <summary>Counts them.</summary>
    /// <param name="service">The service.</param>
    /// <param name="parameter">The limit.</param>
    /// <param name="options">The service's options with the value.</param>
    /// <returns>Null: it is no limit on sessions.</returns>
    public int? Of(string service, string parameter, ShieldOptions options) => parameter switch
    {
        "default_process_limit" => Above(scopes.Of(service).GetRequiredService<ProcessLimit>().Sessions, options.Listener.DefaultProcessLimit),
        "shield_upstream_session_limit" => options.Upstream.SessionLimit is 0 ? 0
            : upstreams.Pictures().Where(picture => picture.Service == service).Sum(picture => Above(picture.Sessions, options.Upstream.SessionLimit)),
        _ => null,
    };

    private static int Above(int sessions, int limit) => Math.Max(0, sessions - limit);
}
