using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Monitoring;
using SmtpShield.Hosting;
using SmtpShield.Metrics;

namespace SmtpShield.Control;

/// <summary>
/// What holds of every request over HTTP: its time, how its query and body are read, and that what goes wrong is answered as a problem.
/// </summary>
internal sealed partial class ControlRequests(ShieldMetrics metrics, ConnectionDrain drain, TimeProvider time, ILogger<ControlRequests> log)
{
    /// <summary>Octets a body may have.</summary>
    public const int MaxBody = 64 << 10;

    private const string Json = "application/json";

    // For a whole request.
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(10);

    /// <summary>Serves a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="next">Who answers.</param>
    public async Task ServeAsync(HttpContext context, RequestDelegate next)
    {
        // Whoever reads or writes may notice the abort before the request's token is cancelled.
        var isOver = false;
        // Not the context: a timer may come when that is over and used again.
        var lifetime = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        using var limit = time.CreateTimer(
            _ =>
            {
                Volatile.Write(ref isOver, true);
                lifetime.Abort();
            },
            null, TimeLimit, Timeout.InfiniteTimeSpan);
        context.Features.Set(new RequestTimer(limit));
        // The next question is for whoever serves clients then.
        context.Response.OnStarting(() =>
        {
            if (drain.HasBegun)
                context.Response.Headers.Connection = "close";
            return Task.CompletedTask;
        });
        try
        {
            await next(context);
            if (!context.Response.HasStarted && context.Response.StatusCode >= StatusCodes.Status400BadRequest)
                await WriteAsync(context, context.Response.StatusCode, [Unnamed(context)]);
        }
        catch (ControlException exception)
        {
            await WriteAsync(context, exception.Status, exception.Problems);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException
            && (Volatile.Read(ref isOver) || context.RequestAborted.IsCancellationRequested))
        {
            // Who asked has gone, or its time is over.
        }
        catch (Exception exception)
        {
            Log.RequestFailed(log, exception);
            if (!context.Response.HasStarted)
                await WriteAsync(
                    context, StatusCodes.Status500InternalServerError, [new("the request failed", "a bug: report it with the log")]);
        }
        finally
        {
            metrics.NoteRequest(
                MetricsConnection.Is(context) ? ShieldMetrics.Metrics : AdminConnection.Is(context) ? ShieldMetrics.Admin : ShieldMetrics.Control,
                context.Response.StatusCode);
        }
    }

    /// <summary>Lets a request last as long as who asked stays. Its answer is a stream, and has bounds of its own.</summary>
    public static void LiftTimeLimit(HttpContext context) =>
        context.Features.GetRequiredFeature<RequestTimer>().Timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Answers.</summary>
    public static async Task AnswerAsync<T>(HttpContext context, T answer, JsonTypeInfo<T> type, string mediaType = Json)
    {
        byte[] body = [.. JsonSerializer.SerializeToUtf8Bytes(answer, type), (byte)'\n'];
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>The values of the query's parameters.</summary>
    /// <param name="context">The request.</param>
    /// <param name="names">Those it may have, once each.</param>
    /// <exception cref="ControlException">It has another one.</exception>
    public static IReadOnlyDictionary<string, string> QueryOf(HttpContext context, params IReadOnlyList<string> names)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in context.Request.Query)
        {
            if (!names.Contains(name))
                throw ControlException.BadRequest("unknown query parameter", names.Count > 0 ? $"there are {string.Join(", ", names)}" : "there are none");
            if (value.Count != 1)
                throw ControlException.BadRequest($"{name} is given more than once", "give it once", name);
            values[name] = value[0] ?? "";
        }

        return values;
    }

    /// <summary>Reads the body of a request that changes something, and has no query.</summary>
    /// <exception cref="ControlException">It is none.</exception>
    public static ValueTask<ChangeRequest> ReadChangeAsync(HttpContext context)
    {
        QueryOf(context);
        return ReadChangeAsync(context, new ChangeRequest(), RequestJson.Default.ChangeRequest,
            """send Content-Type: application/json and nothing, or {"why": "text"} with at most 200 characters""", "why");
    }

    /// <summary>Reads the body of a request that changes something.</summary>
    /// <param name="context">The request.</param>
    /// <param name="empty">What no body means; null: there must be one.</param>
    /// <param name="type">The JSON of it.</param>
    /// <param name="remedy">What is expected.</param>
    /// <param name="parameter">Which field is most probably wrong; null: any.</param>
    /// <exception cref="ControlException">It is none.</exception>
    public static async ValueTask<T> ReadChangeAsync<T>(HttpContext context, T? empty, JsonTypeInfo<T> type, string remedy, string? parameter = null)
        where T : ChangeRequest
    {
        if (!context.Request.HasJsonContentType())
            throw new ControlException(StatusCodes.Status415UnsupportedMediaType, new ControlProblem("a change is asked for with JSON", remedy));
        using var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            if (body.Length == 0 && empty is not null)
                return empty;
            body.Position = 0;
            if (JsonSerializer.Deserialize(body, type) is { } request && (request.Why?.Length ?? 0) <= ChangeRequest.LongestWhy)
                return request;
        }
        catch (BadHttpRequestException exception)
        {
            // Too large, too slow, or no chunks.
            throw new ControlException(exception.StatusCode, new ControlProblem(exception.Message.TrimEnd('.'), remedy));
        }
        catch (JsonException)
        {
            // As one that is too long: nothing of it is said back.
        }

        throw ControlException.BadRequest("the body is not what is expected", remedy, parameter);
    }

    private static ControlProblem Unnamed(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => new ControlProblem("there is no such path", "the API's page has all there are"),
        StatusCodes.Status405MethodNotAllowed => new ControlProblem("this path has another method", $"it has {context.Response.Headers.Allow}"),
        _ => new ControlProblem("the request was refused", "see the API's page"),
    };

    private static Task WriteAsync(HttpContext context, int status, IReadOnlyList<ControlProblem> problems)
    {
        context.Response.StatusCode = status;
        return AnswerAsync(context, new(ReasonPhrases.GetReasonPhrase(status), status, problems), ControlJson.Default.ProblemReport, ProblemReport.MediaType);
    }

    // What ends a request when its time is over.
    private sealed record RequestTimer(ITimer Timer);

    private static partial class Log
    {
        [LoggerMessage(2102, LogLevel.Error, "a request to the control socket failed", EventName = "ControlRequestFailed")]
        public static partial void RequestFailed(ILogger logger, Exception exception);
    }
}
