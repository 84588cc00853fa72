using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Mails from smtp-source(1) to smtp-sink(1) through a shield whose metrics are read once a second, beside one whose are not: not below 0.98 of it is what is
/// expected (B1).
/// </summary>
internal sealed class MonitoredMails()
    : Workload("monitored", "4 KB mails, a connection for each, 50 at a time, metrics read once a second", "mails", Contender.Shield)
{
    private const int Mails = 5000;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken);
        var metrics = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await arena.AddShieldAsync(sink, cancellationToken, new Dictionary<string, string> { ["shield_metrics_listen"] = $"{metrics}" });
        arena.Contenders[^1] = arena.Contenders[^1] with { Name = Contender.Scraped };
        arena.Keep(new Scraper(new($"http://{metrics}/metrics")));
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        new(Mails, await RelayedMails.SendAsync(contender, sessions: 50, Mails, octets: 4096, isKept: false, cancellationToken));

    // Reads all the time, also while the other one has its turn.
    private sealed class Scraper : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ends = new();
        private readonly HttpClient _http = new();
        private readonly Task _running;

        public Scraper(Uri metrics) => _running = RunAsync(metrics);

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
}
