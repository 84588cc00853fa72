using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using SmtpShield.Clients;
using SmtpShield.Listening;
using SmtpShield.Transport;

namespace SmtpShield.Control;

/// <summary>
/// How many connections a listener of HTTP serves, in all and of one user or address, so that who holds it open costs the shield next to nothing, and others
/// still get in.
/// Further ones are told so at once, a few of them at a time, the rest is closed. When the shield stops they end with it: nobody's delay it.
/// </summary>
internal sealed class ControlConnections : IHostedLifecycleService, IDisposable
{
    private const int Most = 32;
    private const int Least = 4;

    // Of so many connections of clients as there is room for.
    private const int ShareOfConnections = 4;

    // Seconds to try again after.
    private const string RetryAfter = "1";

    // For the first octets of a request: who is answered before he has asked finds his connection broken.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // For answers that are under way when the shield stops.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly byte[]? _busy;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<uint, int> _ofUser = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly int _most;
    private ITimer? _grace;
    private int _served;
    private int _told;

    /// <summary>Fewer where the process has few descriptors.</summary>
    /// <param name="capacity">What the process has.</param>
    /// <param name="time">The clock.</param>
    /// <param name="listener">What further ones are told there are too many connections to; null: they can't be told.</param>
    public ControlConnections(SessionCapacity capacity, TimeProvider time, string? listener = "the control socket")
    {
        _busy = listener is null ? null : Busy(listener);
        _most = Math.Clamp(capacity.Bound.Connections / ShareOfConnections, Least, Most);
        _time = time;
    }

    /// <summary>A stage of its connections, before HTTP.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var user = WhoIs(connection);
        using var ending = _closing.Token.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(), connection);
        if (TryEnter(user))
        {
            try
            {
                await next(connection);
            }
            finally
            {
                Leave(user);
            }
        }
        else if (_busy is { } busy && Interlocked.Increment(ref _told) <= _most)
        {
            await TellAsync(connection, busy);
            Interlocked.Decrement(ref _told);
        }
        else
        {
            if (_busy is not null)
                Interlocked.Decrement(ref _told);
            connection.Abort();
        }
    }

    /// <inheritdoc />
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _grace = _time.CreateTimer(static closing => _ = ((CancellationTokenSource)closing!).CancelAsync(), _closing, Grace, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public void Dispose()
    {
        _grace?.Dispose();
        _closing.Dispose();
    }

    // A user of this host by its number; others by their address, or the IPv6 network of 64 bits it is in, whatever number that makes.
    private static uint WhoIs(ConnectionContext connection) => connection.RemoteEndPoint is IPEndPoint { Address: var address }
        ? (uint)ClientRange.Of(address, 32, 64).GetHashCode()
        : connection.Features.Get<IConnectionSocketFeature>() is { } feature && PeerCredentials.Of(feature.Socket) is { } peer ? peer.User : uint.MaxValue;

    // One user gets three quarters at most: another one, as root, always gets in.
    private bool TryEnter(uint user)
    {
        lock (_gate)
        {
            var own = _ofUser.GetValueOrDefault(user);
            if (_served == _most || own * 4 >= _most * 3)
                return false;
            _served++;
            _ofUser[user] = own + 1;
            return true;
        }
    }

    private void Leave(uint user)
    {
        lock (_gate)
        {
            _served--;
            if (--_ofUser[user] == 0)
                _ofUser.Remove(user);
        }
    }

    private async Task TellAsync(ConnectionContext connection, byte[] busy)
    {
        using var patience = new CancellationTokenSource(Patience, _time);
        try
        {
            var request = await connection.Transport.Input.ReadAsync(patience.Token);
            connection.Transport.Input.AdvanceTo(request.Buffer.End);
            await connection.Transport.Output.WriteAsync(busy, patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // It has gone, or has not asked.
        }
    }

    private static byte[] Busy(string to)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new ProblemReport("Service Unavailable", StatusCodes.Status503ServiceUnavailable,
                [new ControlProblem($"too many connections to {to}", "close those that are not needed, and try again")]),
            ControlJson.Default.ProblemReport);
        var head = string.Create(CultureInfo.InvariantCulture, $"""
            HTTP/1.1 503 Service Unavailable
            Content-Type: {ProblemReport.MediaType}
            Content-Length: {body.Length}
            Retry-After: {RetryAfter}
            Connection: close


            """);
        return [.. Encoding.ASCII.GetBytes(head.ReplaceLineEndings("\r\n")), .. body];
    }
}
