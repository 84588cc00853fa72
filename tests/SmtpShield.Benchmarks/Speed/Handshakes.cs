namespace SmtpShield.Benchmarks.Speed;

/// <summary>TLS from the first octet, ended by the contender: a handshake with an RSA certificate, the greeting, and the end.</summary>
/// <param name="name">The workload's name.</param>
/// <param name="isResumed">Whether clients resume the session of the connection before.</param>
internal sealed class Handshakes(string name, bool isResumed)
    : Workload(name, $"{(isResumed ? "resumed" : "new")} TLS sessions (wrapped, RSA 2048) up to the greeting", "handshakes")
{
    private const int Count = 400;
    private const int AtATime = 8;

    /// <inheritdoc />
    public override Task<Arena> StartAsync(CancellationToken cancellationToken) => Wrapped.StartAsync(cancellationToken);

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(_ => Task.Run(() => ShakeAsync(contender, cancellationToken), cancellationToken)));
        return new(Count, TimeProvider.System.GetElapsedTime(start));
    }

    private async Task ShakeAsync(Contender contender, CancellationToken cancellationToken)
    {
        var buffer = new byte[512];
        for (var i = 0; i < Count / AtATime; i++)
        {
            await using var tls = await Wrapped.ConnectAsync(contender.EndPoint, isResumed, cancellationToken);
            await tls.ReadAtLeastAsync(buffer, 1, cancellationToken: cancellationToken);
            await tls.WriteAsync("QUIT\r\n"u8.ToArray(), cancellationToken);
            await tls.ReadAtLeastAsync(buffer, 1, cancellationToken: cancellationToken);
        }
    }
}
