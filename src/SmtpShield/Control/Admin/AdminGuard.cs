using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using SmtpShield.Control.Changes;
using SmtpShield.Options;

namespace SmtpShield.Control.Admin;

/// <summary>
/// What stands between <c>shield_admin_listen</c> and the API: the host that is asked for, who asks, what his role may, and that a change comes from a page of
/// the shield's own. Each piece is asked for apart, and without one of them nothing is changed.
/// </summary>
internal sealed class AdminGuard(
    AdminUsers users, AdminSessions sessions, LoginLimit limit, ControlAudit audit, ShieldSnapshot snapshot, TimeProvider time)
{
    /// <summary>The cookie of a session. Its prefix makes browsers keep it to this host, over TLS.</summary>
    public const string Cookie = "__Host-smtpshield";

    /// <summary>The header that has the session's token.</summary>
    public const string TokenHeader = "X-Shield-Token";

    private const string Bearer = "Bearer ";
    private const string FetchSite = "Sec-Fetch-Site";
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    // Who may only look must not be able to push out what others changed, nor to fill the log.
    private readonly AtMostOnce _ofTheRole = new(time, TimeSpan.FromSeconds(10));

    /// <summary>Lets a request through to who answers, or refuses it.</summary>
    /// <exception cref="ControlException">It is refused.</exception>
    public async Task ServeAsync(HttpContext context, RequestDelegate next)
    {
        SetHeaders(context.Response.Headers);
        if (!AdminHost.IsOwn(context.Request.Host, context.Connection.LocalIpAddress, snapshot.Current.Control.AdminHosts))
        {
            throw new ControlException(StatusCodes.Status421MisdirectedRequest,
                new ControlProblem("the header Host names another host", "ask by address or as localhost, or add the name to shield_admin_hosts"));
        }

        if (IsForeign(context))
            throw Forbidden("a page of another origin asks");
        if (!AdminApi.IsLogin(context))
            await RequireAsync(context);
        await next(context);
    }

    /// <summary>Counts a guess of a source's.</summary>
    /// <exception cref="ControlException">It has none left.</exception>
    public void BeginGuess(HttpContext context)
    {
        if (limit.TryBegin(SourceOf(context)))
            return;
        throw TooManyFailures(
            context, limit.WaitOf(SourceOf(context)), "too many failures from this address", $"wait a minute: there may be {LoginLimit.Most}");
    }

    /// <summary>The answer to a guess that comes too early.</summary>
    public static ControlException TooManyFailures(HttpContext context, TimeSpan wait, string message, string remedy)
    {
        context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return new(StatusCodes.Status429TooManyRequests, new ControlProblem(message, remedy));
    }

    /// <summary>The guess was right, or none was made after all.</summary>
    public void TakeBackGuess(HttpContext context) => limit.TakeBack(SourceOf(context));

    /// <summary>Whether who has asked still may: his line is in the users file as it was, his token and his session have not ended.</summary>
    public bool IsStill(AdminIdentity identity) =>
        identity.Session is { } session ? sessions.IsOpen(session) && users.Still(session.User) is not null : users.StillToken(identity.User);

    /// <summary>Where a request comes from.</summary>
    public static IPAddress SourceOf(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static void SetHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }

    // What browsers say of themselves. Other programs say neither; what a change needs is asked for below.
    private static bool IsForeign(HttpContext context)
    {
        var headers = context.Request.Headers;
        return (headers[FetchSite].ToString() is { Length: > 0 } site && site is not ("same-origin" or "none"))
            || (headers.Origin.ToString() is { Length: > 0 } origin && !AdminHost.IsSame(origin, context.Request.Host, context.Request.IsHttps));
    }

    private async Task RequireAsync(HttpContext context)
    {
        var identity = Identify(context);
        context.Features.Set(identity);
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
            return;
        if (identity.Session is { } session)
            RequireOwnPage(context, session);
        if (identity.User.Role == AdminRole.Operate || AdminApi.IsOfSession(context))
            return;
        if (!_ofTheRole.IsDue())
            throw OfTheRole();
        var change = audit.Begin(context, "change", AddressText.Shown(context.Request.Path.Value ?? ""));
        await audit.DoAsync(change, static Task<Change> (_) => throw OfTheRole());
    }

    private AdminIdentity Identify(HttpContext context)
    {
        var source = SourceOf(context);
        // Another scheme is a proxy's before the shield. A token has 256 random bits: one that is right is no guess.
        if (context.Request.Headers.Authorization.ToString() is var authorization && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            if (users.WithToken(authorization[Bearer.Length..].Trim()) is { } token)
                return new(token, source, null);
            BeginGuess(context);
            throw Unauthorized(context);
        }

        if (context.Request.Cookies[Cookie] is { Length: > 0 } secret && sessions.Use(secret) is { } session)
        {
            if (users.Still(session.User) is { } user)
                return new(user, source, session);
            sessions.End(session);
        }

        throw Unauthorized(context);
    }

    private static void RequireOwnPage(HttpContext context, AdminSession session)
    {
        if (!context.Request.HasJsonContentType())
        {
            throw new ControlException(StatusCodes.Status415UnsupportedMediaType,
                new ControlProblem("a change is asked for with JSON", "send Content-Type: application/json"));
        }

        if (!AdminHost.IsSame(context.Request.Headers.Origin, context.Request.Host, context.Request.IsHttps))
            throw Forbidden("a change needs the header Origin");
        var shown = Encoding.UTF8.GetBytes(context.Request.Headers[TokenHeader].ToString());
        if (!CryptographicOperations.FixedTimeEquals(shown, Encoding.UTF8.GetBytes(session.Token)))
            throw Forbidden($"a change needs the session's token in {TokenHeader}");
    }

    private static ControlException Unauthorized(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return new(StatusCodes.Status401Unauthorized,
            new ControlProblem("log in first", "POST /v1/session with name and password, or show a token: Authorization: Bearer TOKEN"));
    }

    private static ControlException OfTheRole() => Forbidden("the role view may not change anything");

    private static ControlException Forbidden(string message) => new(StatusCodes.Status403Forbidden, new ControlProblem(message));
}
