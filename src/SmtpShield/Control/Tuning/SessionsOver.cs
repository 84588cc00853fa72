using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Session;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// How many sessions there are above a limit on sessions, with another value, now: nothing happens to them, and there are no new ones until so many are over.
/// Of a limit inside each session how many are at it, or over: it has its effect on what they do next.
/// </summary>
internal sealed class SessionsOver(ServiceScopes scopes, UpstreamMaintenance upstreams, OpenSessions sessions)
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
        "smtpd_soft_error_limit" => sessions.CountOf(service, standing => standing.Errors >= options.Limits.SoftErrorLimit),
        "smtpd_hard_error_limit" => sessions.CountOf(service, standing => standing.Errors >= options.Limits.HardErrorLimit),
        // One above the limit is free (ErrorLimit.CountJunkCommand).
        "smtpd_junk_command_limit" => sessions.CountOf(service, standing => standing.JunkCommands > options.Limits.JunkCommandLimit),
        "smtpd_recipient_limit" => sessions.CountOf(service, standing => standing.Recipients >= options.Limits.RecipientLimit),
        _ => null,
    };

    private static int Above(int sessions, int limit) => Math.Max(0, sessions - limit);
}
