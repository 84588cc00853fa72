using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using SmtpShield.Control.Admin;

namespace SmtpShield.Control.Events;

/// <summary><c>/v1/events</c>: the stream, as server-sent events.</summary>
internal sealed class EventsApi(EventStream stream, AdminGuard guard, TimeProvider time)
{
    /// <summary>How long a stream is silent at most: then it says a comment, so that nobody between takes it for dead.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    /// <summary>How long a reader may take nothing; then its place is free for another one.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>How long a stream over TCP lasts: then its reader shows again who he is.</summary>
    public static readonly TimeSpan LongestOverTcp = TimeSpan.FromMinutes(10);

    // Who was put out meanwhile reads no longer than that.
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    private const string Topics = "topics";
    private const string LastId = "Last-Event-ID";
    private const string RetryAfter = "5";

    private static readonly byte[] _comment = ": \n\n"u8.ToArray();
    private static readonly byte[] _bye = "event: bye\ndata: {}\n\n"u8.ToArray();

    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapGet("/v1/events", ServeAsync);

    private async Task ServeAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Topics);
        var allowed = AdminIdentity.MayOperate(context) ? StreamTopics.All : StreamTopics.All.Without(StreamTopic.Log);
        var topics = query.TryGetValue(Topics, out var text) ? StreamTopics.Parse(text) : allowed;
        if ((topics.Bits & ~allowed.Bits) != 0)
        {
            throw new ControlException(StatusCodes.Status403Forbidden,
                new ControlProblem("the role view may not read the log", "name other topics", Topics));
        }

        var most = AdminConnection.Is(context) ? EventStream.MostOverTcp : EventStream.MostReaders;
        using var reader = stream.TryOpen(topics, context.Request.Headers[LastId], most);
        if (reader is null)
        {
            context.Response.Headers.RetryAfter = RetryAfter;
            throw new ControlException(StatusCodes.Status429TooManyRequests,
                new ControlProblem($"there are {most} streams already", "end one that is not needed"));
        }

        ControlRequests.LiftTimeLimit(context);
        // Who reads slowly loses events; who reads nothing has the time below.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        if (await TryWriteAsync(context, _comment))
            await TellAsync(context, reader);
    }

    private async Task TellAsync(HttpContext context, EventReader reader)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var begunAt = time.GetTimestamp();
        var saidAt = begunAt;
        Task? news = null;
        while (MayRead(context, begunAt))
        {
            // One that is given up would take the next event's bell with it.
            news ??= reader.WaitAsync(context.RequestAborted);
            if (!await IsThereAsync(news, AdminConnection.Is(context) ? BetweenLooks : Silence, context.RequestAborted))
            {
                if (time.GetElapsedTime(saidAt) < Silence)
                    continue;
                if (!await TryWriteAsync(context, _comment))
                    return;
                saidAt = time.GetTimestamp();
                continue;
            }

            news = null;
            if (!MayRead(context, begunAt))
                return;
            var batch = reader.Take();
            buffer.ResetWrittenCount();
            if (batch.HasGap)
                buffer.Write(GapOf(batch.Lost));
            foreach (var frame in batch.Frames)
                buffer.Write(frame.Text);
            if (batch.IsLast)
                buffer.Write(_bye);
            if ((buffer.WrittenCount > 0 && !await TryWriteAsync(context, buffer.WrittenMemory)) || batch.IsLast)
                return;
            saidAt = time.GetTimestamp();
        }
    }

    private bool MayRead(HttpContext context, long begunAt) => context.Features.Get<AdminIdentity>() is not { } identity
        || (time.GetElapsedTime(begunAt) < LongestOverTcp && guard.IsStill(identity));

    private async Task<bool> IsThereAsync(Task news, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await news.WaitAsync(patience, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static byte[] GapOf(long? lost) =>
        Encoding.ASCII.GetBytes($"event: gap\ndata: {JsonSerializer.Serialize(new EventGap(lost), ControlJson.Default.EventGap)}\n\n");

    // False: who reads has taken nothing for too long, and is cut off.
    private async Task<bool> TryWriteAsync(HttpContext context, ReadOnlyMemory<byte> text)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, context.RequestAborted);
        try
        {
            await context.Response.BodyWriter.WriteAsync(text, either.Token);
            return true;
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            context.Abort();
            return false;
        }
    }
}

/// <summary>The event <c>gap</c>: some are missing before the next one.</summary>
/// <param name="Lost">How many; null: nobody knows.</param>
internal sealed record EventGap(long? Lost);
