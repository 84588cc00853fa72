using System.Net;
using Microsoft.AspNetCore.Http;

namespace SmtpShield.Control.Admin;

/// <summary>Who asks on <c>shield_admin_listen</c>.</summary>
/// <param name="User">The line of the users file.</param>
/// <param name="Source">Where he asks from.</param>
/// <param name="Session">The session he is logged in with; null: he has shown a token.</param>
internal sealed record AdminIdentity(AdminUser User, IPAddress Source, AdminSession? Session)
{
    /// <summary>Whether somebody may do all there is: whoever can open the control socket, and users of the role.</summary>
    public static bool MayOperate(HttpContext context) => context.Features.Get<AdminIdentity>() is not { User.Role: not AdminRole.Operate };

    /// <summary><c>alice from 192.0.2.50</c>, as the log says it.</summary>
    public override string ToString() => $"{(User.IsToken ? "token " : "")}{User.Name} from {Source}";
}
