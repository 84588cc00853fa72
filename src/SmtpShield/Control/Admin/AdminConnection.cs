using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace SmtpShield.Control.Admin;

/// <summary>Marks the connections that come in on <c>shield_admin_listen</c>: nobody is anybody there before he has shown it.</summary>
internal sealed class AdminConnection
{
    private static readonly AdminConnection _mark = new();

    /// <summary>Marks a connection, before HTTP.</summary>
    public static void Mark(ConnectionContext connection) => connection.Features.Set(_mark);

    /// <summary>Whether a request came on one.</summary>
    public static bool Is(HttpContext context) => context.Features.Get<AdminConnection>() is not null;
}
