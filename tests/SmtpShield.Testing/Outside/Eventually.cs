namespace SmtpShield.Testing.Outside;

/// <summary>Waits, within bounds, for something an outside process does. The only place where tests wait by the clock.</summary>
public static class Eventually
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Polls until <paramref name="condition"/> holds; throws with <paramref name="what"/> when it doesn't within <paramref name="limit"/>.</summary>
    public static async Task HoldsAsync(Func<bool> condition, TimeSpan limit, string what, CancellationToken cancellationToken)
    {
        if (!await TryAsync(condition, limit, cancellationToken))
            throw new TimeoutException($"Not within {limit.TotalSeconds:0.#} s: {what}");
    }

    /// <summary>Polls until <paramref name="condition"/> holds, and says whether it did within <paramref name="limit"/>.</summary>
    public static async Task<bool> TryAsync(Func<bool> condition, TimeSpan limit, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
                return false;
            await Task.Delay(s_interval, TimeProvider.System, cancellationToken);
        }
        return true;
    }

    /// <summary>The same for what can only be found out by asking.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition, TimeSpan limit, Func<string> what, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
                throw new TimeoutException($"Not within {limit.TotalSeconds:0.#} s: {what()}");
            await Task.Delay(s_interval, TimeProvider.System, cancellationToken);
        }
    }
}
