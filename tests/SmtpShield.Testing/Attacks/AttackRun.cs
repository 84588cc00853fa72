using System.Net;

namespace SmtpShield.Testing.Attacks;

/// <summary>An attack under way, from loopback addresses of its own: 127.100.0.1 and up, a network of 16 bits for each part.</summary>
public sealed class AttackRun : IAsyncDisposable
{
    private const int FirstNetwork = 100;
    private const int AddressesPerNetwork = 250;
    private readonly CancellationTokenSource _over = new();
    private readonly IPEndPoint _server;
    private readonly Task _connections;

    private AttackRun(Attack attack, IPEndPoint server)
    {
        _server = server;
        _connections = Task.WhenAll(attack.Parts.SelectMany((part, network) =>
            Enumerable.Range(0, part.Connections).Select(number => RepeatAsync(part, AddressOf(network, number % part.Addresses), number))));
    }

    /// <summary>What it has done so far.</summary>
    public AttackTally Tally { get; } = new();

    /// <summary>Begins: when this returns, all connections that are not spread have been asked for.</summary>
    public static AttackRun Start(Attack attack, IPEndPoint server) => new(attack, server);

    /// <summary>Ends all its connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _connections;
        _over.Dispose();
    }

    private static IPAddress AddressOf(int network, int number) =>
        new([127, (byte)(FirstNetwork + network), (byte)(number / AddressesPerNetwork), (byte)(1 + number % AddressesPerNetwork)]);

    private async Task RepeatAsync(AttackPart part, IPAddress from, int number)
    {
        try
        {
            if (part.IsSpread)
                await Task.Delay(part.Interval * number / part.Connections, TimeProvider.System, _over.Token);
            while (true)
            {
                var begin = TimeProvider.System.GetTimestamp();
                using (var connection = await AttackConnection.ConnectAsync(_server, from, Tally, number, part.HasSmallBuffers, _over.Token))
                {
                    if (connection is not null)
                        await part.Session(connection, _over.Token);
                }
                var left = part.Interval - TimeProvider.System.GetElapsedTime(begin);
                if (left > TimeSpan.Zero)
                    await Task.Delay(left, TimeProvider.System, _over.Token);
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // The attack is over.
        }
    }
}
