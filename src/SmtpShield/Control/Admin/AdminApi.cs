using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Changes;
using SmtpShield.Observe;

namespace SmtpShield.Control.Admin;

/// <summary><c>/v1/session</c> of <c>shield_admin_listen</c>: logs in, says who one is, logs out.</summary>
internal sealed partial class AdminApi(
    AdminUsers users, PasswordCheck passwords, AdminSessions sessions, AdminGuard guard, TimeProvider time, ILogger<AdminApi> log) : IDisposable
{
    private const string Path = "/v1/session";
    private const int LongestPassword = 1024;

    // A hash takes a processor for some tenths of a second.
    private const int AtATime = 2;
    private const int MostWaiting = 8;

    private const string Remedy = """send Content-Type: application/json and {"name": "...", "password": "..."}""";

    private readonly SemaphoreSlim _hashing = new(AtATime);
    private readonly HashingBudget _budget = new(time);
    private readonly AtMostOnce _lines = new(time, TimeSpan.FromSeconds(1));
    private int _waiting;

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapPost(Path, LogInAsync);
        application.MapGet(Path, ShowAsync);
        application.MapDelete(Path, LogOutAsync);
    }

    /// <summary>Whether a request wants to log in, which nobody can who has to be logged in.</summary>
    public static bool IsLogin(HttpContext context) => HttpMethods.IsPost(context.Request.Method) && IsOfSession(context);

    /// <summary>Whether a request is about one's own session, which every role may.</summary>
    public static bool IsOfSession(HttpContext context) => context.Request.Path == Path;

    /// <inheritdoc />
    public void Dispose() => _hashing.Dispose();

    private async Task LogInAsync(HttpContext context)
    {
        RequireListener(context);
        ControlRequests.QueryOf(context);
        var request = await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.LoginRequest, Remedy);
        if (request.Name is not { } name || request.Password is not { Length: > 0 and <= LongestPassword } password)
            throw ControlException.BadRequest("name and password are both needed", Remedy, request.Name is null ? "name" : "password");

        var source = AdminGuard.SourceOf(context);
        guard.BeginGuess(context);
        if (!_budget.TryTake(source, out var wait))
        {
            guard.TakeBackGuess(context);
            throw AdminGuard.TooManyFailures(
                context, wait, "too many failures to log in", $"wait a minute: there may be {HashingBudget.Most} from all addresses");
        }

        var user = users.WithPassword(name);
        if (!await IsPasswordAsync(context, user, password) || user is null)
        {
            if (_lines.IsDue())
                Log.LoginRefused(log, ClientText.Quote(Encoding.UTF8.GetBytes(name), AdminUser.LongestName), $"{source}");
            throw new ControlException(StatusCodes.Status401Unauthorized, new ControlProblem("the name or the password is wrong", null));
        }

        guard.TakeBackGuess(context);
        _budget.NoteLogin(source);
        var session = sessions.Begin(user, out var secret);
        Log.LoggedIn(log, user.Name, $"{source}");
        context.Response.Headers.SetCookie =
            $"{AdminGuard.Cookie}={secret}; Path=/; Max-Age={(int)AdminSessions.Longest.TotalSeconds}; Secure; HttpOnly; SameSite=Strict";
        await AnswerAsync(context, user, session);
    }

    private Task ShowAsync(HttpContext context)
    {
        ControlRequests.QueryOf(context);
        return context.Features.Get<AdminIdentity>() is { } identity
            ? AnswerAsync(context, identity.User, identity.Session)
            : ControlRequests.AnswerAsync(context, new($"{Operator.Of(context)}", AdminRole.Operate.Word()), ControlJson.Default.SessionReport);
    }

    private Task LogOutAsync(HttpContext context)
    {
        RequireListener(context);
        ControlRequests.QueryOf(context);
        if (context.Features.Get<AdminIdentity>() is not { Session: { } session } identity)
            throw ControlException.BadRequest("there is no session", "a token ends by itself, or with its line in the users file");
        sessions.End(session);
        Log.LoggedOut(log, identity);
        context.Response.Headers.SetCookie = $"{AdminGuard.Cookie}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict";
        return ControlRequests.AnswerAsync(context, new(identity.User.Name, identity.User.Role.Word()), ControlJson.Default.SessionReport);
    }

    private static void RequireListener(HttpContext context)
    {
        if (!AdminConnection.Is(context))
            throw ControlException.NotFound("nobody logs in on the control socket", "who can open it may do everything");
    }

    private Task AnswerAsync(HttpContext context, AdminUser user, AdminSession? session) => ControlRequests.AnswerAsync(
        context,
        new(user.Name, user.Role.Word()) { Token = session?.Token, Until = session is null ? user.End : sessions.EndOf(session) },
        ControlJson.Default.SessionReport);

    private async Task<bool> IsPasswordAsync(HttpContext context, AdminUser? user, string password)
    {
        if (Interlocked.Increment(ref _waiting) > MostWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            guard.TakeBackGuess(context);
            context.Response.Headers.RetryAfter = "5";
            throw new ControlException(StatusCodes.Status503ServiceUnavailable, new ControlProblem("too many log-ins at the same time", "try again"));
        }

        try
        {
            await _hashing.WaitAsync(context.RequestAborted);
            try
            {
                return await Task.Run(() => passwords.IsRight(user, password, users.MostRounds), context.RequestAborted);
            }
            finally
            {
                _hashing.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2301, LogLevel.Information, "control: {User} has logged in from {Source}", EventName = "AdminLoggedIn")]
        public static partial void LoggedIn(ILogger logger, string user, string source);

        [LoggerMessage(2302, LogLevel.Information, "control: no log-in for {Name} from {Source}", EventName = "AdminLoginRefused")]
        public static partial void LoginRefused(ILogger logger, string name, string source);

        [LoggerMessage(2303, LogLevel.Information, "control: {Operator} has logged out", EventName = "AdminLoggedOut")]
        public static partial void LoggedOut(ILogger logger, AdminIdentity @operator);
    }
}

/// <summary>The body of a log-in.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="Password">His password.</param>
internal sealed record LoginRequest(string? Name = null, string? Password = null) : ChangeRequest;

/// <summary>The answer of <c>/v1/session</c>.</summary>
/// <param name="Name">Who one is.</param>
/// <param name="Role">What one may: <c>view</c> or <c>operate</c>.</param>
internal sealed record SessionReport(string Name, string Role)
{
    /// <summary>What changes must show beside the cookie; null: no session.</summary>
    public string? Token { get; init; }

    /// <summary>When the session or the token ends at the latest; null: never.</summary>
    public DateTimeOffset? Until { get; init; }
}
