using Polly;
using Polly.Timeout;

namespace SmtpShield.Mta;

/// <summary>Bounds waits, each by a time of its own: Polly's time-out, which is one strategy for all of them.</summary>
/// <param name="time">The clock.</param>
internal sealed class TimeLimit(TimeProvider time)
{
    private static readonly ResiliencePropertyKey<TimeSpan> s_limit = new("limit");

    private readonly ResiliencePipeline _timeout = new ResiliencePipelineBuilder { TimeProvider = time }
        .AddTimeout(new TimeoutStrategyOptions { TimeoutGenerator = static wait => new(wait.Context.Properties.GetValue(s_limit, default)) })
        .Build();

    /// <summary>Waits, but not longer than <paramref name="limit"/>.</summary>
    /// <param name="limit">The time; zero or less: any.</param>
    /// <param name="wait">What to wait for; its token is cancelled when the time is over, and when <paramref name="cancellationToken"/> is.</param>
    /// <param name="state">What <paramref name="wait"/> gets, so that it needs no closure.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TimeoutRejectedException">The time is over, and the wait was cancelled for it.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<TResult> RunAsync<TState, TResult>(
        TimeSpan limit, Func<TState, CancellationToken, ValueTask<TResult>> wait, TState state, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(s_limit, limit);
        try
        {
            return await _timeout.ExecuteAsync(static (context, call) => call.Wait(call.State, context.CancellationToken), context, (Wait: wait, State: state));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }
}
