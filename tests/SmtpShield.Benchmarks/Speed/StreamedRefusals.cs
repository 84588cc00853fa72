using SmtpShield.Control.Events;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>
/// Refusals while as many read all of the stream as may, beside a shield whose stream nobody reads: a fiftieth of a processor more at most is expected.
/// </summary>
internal sealed class StreamedRefusals() : Workload("streamed", "refused while eight read the stream", "refusals", Contender.Shield)
{
    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var limits = new Dictionary<string, string> { ["smtpd_client_connection_rate_limit"] = "1" };
        var sink = await arena.StartSinkAsync(cancellationToken);
        await arena.AddShieldAsync(sink, cancellationToken, limits);
        var shield = await arena.AddShieldAsync(sink, cancellationToken, limits, Contender.Streamed);
        for (var i = 0; i < EventStream.MostReaders; i++)
            arena.Keep(new Reader(await ControlEvents.OpenAsync(shield.ControlSocket, null, cancellationToken)));
        return arena;
    }

    /// <inheritdoc />
    public override Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        Refusals.RefuseManyAsync(contender, "", cancellationToken);

    // Takes what comes.
    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ends = new();
        private readonly ControlEvents _events;
        private readonly Task _running;

        public Reader(ControlEvents events)
        {
            _events = events;
            _running = RunAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _ends.CancelAsync();
            await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _events.Dispose();
            _ends.Dispose();
        }

        private async Task RunAsync()
        {
            while (await _events.LineAsync(_ends.Token) is not null)
            {
            }
        }
    }
}
