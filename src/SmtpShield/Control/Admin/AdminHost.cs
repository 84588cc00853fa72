using System.Net;
using Microsoft.AspNetCore.Http;

namespace SmtpShield.Control.Admin;

/// <summary>
/// Whether a request asks for this shield. A page whose name is made to point here would make a browser ask with that name (DNS rebinding): so <c>Host</c> must
/// be <c>localhost</c>, the address the request has come to, or one of <c>shield_admin_hosts</c>.
/// </summary>
internal static class AdminHost
{
    private const string Localhost = "localhost";

    /// <summary>Whether it does.</summary>
    /// <param name="host">The header <c>Host</c>.</param>
    /// <param name="local">The address the request has come to.</param>
    /// <param name="names">The names of <c>shield_admin_hosts</c>.</param>
    public static bool IsOwn(HostString host, IPAddress? local, IReadOnlyList<string> names)
    {
        var name = host.Host;
        if (name.Length == 0)
            return false;
        if (IPAddress.TryParse(name.Trim('[', ']'), out var address))
            return local is not null && Plain(address).Equals(Plain(local));
        return name.Equals(Localhost, StringComparison.OrdinalIgnoreCase) || names.Contains(name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Whether the header <c>Origin</c> names the same place as <c>Host</c>.</summary>
    /// <param name="origin">The header; a page's scheme, host and port.</param>
    /// <param name="host">The header <c>Host</c>.</param>
    /// <param name="isTls">Whether the request has come over TLS. Without it a proxy before the shield may have had it.</param>
    public static bool IsSame(string? origin, HostString host, bool isTls)
    {
        if (origin is null)
            return false;
        var authority = host.Value ?? "";
        return origin.Equals("https://" + authority, StringComparison.OrdinalIgnoreCase)
            || (!isTls && origin.Equals("http://" + authority, StringComparison.OrdinalIgnoreCase));
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
