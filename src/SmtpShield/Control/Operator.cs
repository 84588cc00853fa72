using System.Globalization;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using SmtpShield.Control.Admin;
using SmtpShield.Observe;
using SmtpShield.Transport;

namespace SmtpShield.Control;

/// <summary>Who asks, for the log line of what he changes.</summary>
/// <param name="User">His user id; null where the system does not tell.</param>
/// <param name="Admin">Who he is on <c>shield_admin_listen</c>; null: he asks on the control socket.</param>
internal readonly record struct Operator(uint? User, AdminIdentity? Admin = null)
{
    private const string Accounts = "/etc/passwd";

    // A line of a user's own making is none of these files' business, but a bound is.
    private const int MostAccounts = 100_000;
    private const int LongestName = 64;

    /// <summary>The one behind a request.</summary>
    public static Operator Of(HttpContext context) => context.Features.Get<AdminIdentity>() is { } admin
        ? new(null, admin)
        : new(context.Features.Get<IConnectionSocketFeature>() is { } connection ? PeerCredentials.Of(connection.Socket)?.User : null);

    /// <summary>
    /// <c>uid 1000 (alice)</c>, without a name where this host's file of users has none; <c>alice from 192.0.2.50</c> on <c>shield_admin_listen</c>.
    /// </summary>
    public override string ToString() => Admin is { } admin ? $"{admin}"
        : User is not { } user ? "uid unknown" : NameOf(user) is { } name ? $"uid {user} ({name})" : $"uid {user}";

    // Not getpwuid(3), which may ask a directory server and wait for it.
    private static string? NameOf(uint user)
    {
        var id = user.ToString(CultureInfo.InvariantCulture);
        try
        {
            foreach (var line in File.ReadLines(Accounts).Take(MostAccounts))
            {
                if (line.Split(':') is [var name, _, var uid, ..] && uid == id)
                    return ClientText.Escape(System.Text.Encoding.UTF8.GetBytes(name), LongestName);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The number is enough.
        }

        return null;
    }
}
