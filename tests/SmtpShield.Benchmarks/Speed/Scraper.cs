namespace SmtpShield.Benchmarks.Speed;

/// <summary>Reads metrics once a second as long as it lives, as a Prometheus does.</summary>
internal sealed class Scraper : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ends = new();
    private readonly HttpClient _http = new();
    private readonly Task _running;

    /// <summary>Begins.</summary>
    public Scraper(Uri metrics) => _running = RunAsync(metrics);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _http.Dispose();
        _ends.Dispose();
    }

    private async Task RunAsync(Uri metrics)
    {
        using var timer = new PeriodicTimer(s_interval);
        while (await timer.WaitForNextTickAsync(_ends.Token))
            await _http.GetByteArrayAsync(metrics, _ends.Token);
    }
}
