using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>One service of a <see cref="ShieldProcess"/>, on a port of its own, with its own parameters and its own counters.</summary>
/// <param name="Name">Its name in <c>shield_services</c>, and in its <c>syslog_name</c>.</param>
/// <param name="Upstream">The MTA behind it.</param>
/// <param name="Parameters">What it has besides the values of all services, or instead of them.</param>
public sealed record ShieldService(string Name, IPEndPoint Upstream, IReadOnlyDictionary<string, string> Parameters)
{
    /// <summary>Its <c>syslog_name</c>.</summary>
    public string SyslogName => "smtpshield/" + Name;

    /// <summary>Its lines of main.cf.</summary>
    internal Dictionary<string, string> MainCf(IPEndPoint listen) =>
        Parameters
            .Append(new("shield_listen", listen.ToString()))
            .Append(new("shield_upstream", Upstream.ToString()))
            .Append(new("syslog_name", SyslogName))
            .ToDictionary(parameter => $"{Name}/inet/{parameter.Key}", parameter => parameter.Value);
}
