namespace SmtpShield.Host.Switching;

/// <summary>Waits for what other programs do, which nobody tells of.</summary>
internal static class Waiting
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Looks until it holds.</summary>
    /// <returns>Whether it held in time.</returns>
    public static async Task<bool> ForAsync(Func<bool> holds, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (!holds())
        {
            if (time.GetElapsedTime(start) >= limit)
                return false;
            await Task.Delay(s_pause, time, cancellationToken);
        }
        return true;
    }
}
