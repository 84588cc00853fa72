using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Polly;
using Polly.Timeout;
using SmtpShield.Configuration;
using SmtpShield.Transport;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Upstream;

/// <summary>One dial: what was tried, what failed, how much time is left. Garbage once the connection is made.</summary>
/// <remarks>
/// Time is shared fairly: a step may take its share of what is left, one share for each address of the destination under way and one for each available
/// destination not yet tried. A silent MTA out of two gets half of the time and the other one the rest; the last one gets all that is left.
/// </remarks>
internal sealed class UpstreamDial(UpstreamPool pool, ClusterState cluster, UpstreamOptions options, CancellationToken cancellationToken)
{
    /// <summary>Where Polly's callbacks find the dial.</summary>
    public static readonly ResiliencePropertyKey<UpstreamDial> Key = new("dial");

    private readonly long _start = pool.Time.GetTimestamp();
    private DestinationState? _picked;
    private List<DestinationState>? _failed;
    private List<UpstreamFailure>? _failures;
    private IPAddress[] _addresses = [];
    private int _nextAddress;
    private int _others;
    private bool _greetingTimedOut;

    private enum Phase
    {
        Connect,
        Greeting,
    }

    /// <summary>The options this dial started with.</summary>
    public UpstreamOptions Options => options;

    /// <summary>How long the step under way may take.</summary>
    public TimeSpan StepTimeout { get; private set; }

    /// <summary>Whether there is an address or a destination not yet tried.</summary>
    public bool HasNext => _nextAddress < _addresses.Length || cluster.DestinationsState.AllDestinations.Any(IsUntried);

    private TimeSpan Remaining => options.GreetingTimeout - pool.Time.GetElapsedTime(_start);

    /// <summary>The dial a Polly callback belongs to.</summary>
    public static UpstreamDial Of(ResilienceContext context) => context.Properties.GetValue(Key, null!);

    /// <summary>What the caller gets.</summary>
    public UpstreamDialResult ToResult(UpstreamConnection? connection) =>
        new(connection, (IReadOnlyList<UpstreamFailure>?)_failures ?? [], connection is null && _greetingTimedOut);

    /// <summary>Tries the next address of the destination under way, or else the next destination.</summary>
    /// <returns><see langword="null"/>: it failed, and the failure is noted.</returns>
    public async ValueTask<UpstreamConnection?> TryNextAsync(ResilienceContext context)
    {
        if (_nextAddress == _addresses.Length && !PickNext())
            return null;

        var destination = pool.DestinationOf(_picked!);
        if (destination.Literal is { } literal)
            return await TryAsync(context, destination, literal);

        if (_addresses.Length == 0 && !await TryResolveAsync(context, destination))
            return null;
        return await TryAsync(context, destination, new IPEndPoint(_addresses[_nextAddress++], destination.Port));
    }

    private bool PickNext()
    {
        _addresses = [];
        _nextAddress = 0;
        var state = cluster.DestinationsState;
        var candidates = state.AvailableDestinations;
        if (_failed is not null)
        {
            // YARP takes a failed destination off this list in the background, so it may still be there. When all of it has been tried,
            // those passed over for an earlier failure are the last resort.
            candidates = candidates.Where(IsUntried).ToArray();
            if (candidates.Count == 0)
                candidates = state.AllDestinations.Where(IsUntried).ToArray();
        }

        _picked = pool.Pick(cluster, candidates);
        _others = candidates.Count - 1;
        return _picked is not null;
    }

    private bool IsUntried(DestinationState destination) => _failed is null || !_failed.Contains(destination);

    private async ValueTask<bool> TryResolveAsync(ResilienceContext context, UpstreamDestination destination)
    {
        try
        {
            StepTimeout = Shorter(options.ConnectTimeout, Share());
            _addresses = await pool.Step.ExecuteAsync(
                static (context, step) => step.Transport.ResolveAsync(step.Host, context.CancellationToken), context, (pool.Transport, destination.Host));
            if (_addresses.Length > 0)
                return true;
            Fail(destination, null, "Host not found");
        }
        catch (SocketException error)
        {
            Fail(destination, null, ReasonOf(error));
        }
        catch (Exception error) when (IsTimeout(error))
        {
            Fail(destination, null, "Host name lookup timed out");
        }

        return false;
    }

    private async ValueTask<UpstreamConnection?> TryAsync(ResilienceContext context, UpstreamDestination destination, IPEndPoint endpoint)
    {
        var phase = Phase.Connect;
        var start = pool.Time.GetTimestamp();
        ConnectionContext? connection = null;
        UpstreamConnection? session = null;
        destination.Enter();
        try
        {
            StepTimeout = Shorter(options.ConnectTimeout, Share());
            connection = await pool.Step.ExecuteAsync(
                static (context, step) => step.Transport.ConnectAsync(step.EndPoint, null, context.CancellationToken), context, (pool.Transport, EndPoint: endpoint));

            phase = Phase.Greeting;
            var (status, text, code) = await ReadGreetingAsync(context, connection);
            if (status is not GreetingStatus.Complete)
            {
                Fail(destination, endpoint, status is GreetingStatus.Malformed ? "malformed greeting" : "lost connection");
                return null;
            }

            if (code == 421)
            {
                // Not now, says this MTA. Another one may; the last one's word is passed on to the client.
                pool.RecordFailure(cluster, _picked!, options.ReactivationTime);
                if (HasNextAfterThis())
                {
                    Fail(destination, endpoint, $"refused to talk to me: {FirstLineOf(text)}");
                    return null;
                }
            }
            else
            {
                pool.RecordSuccess(cluster, _picked!);
            }

            return session = new UpstreamConnection(connection, destination, destination.Intern(text), code);
        }
        catch (SocketException error)
        {
            Fail(destination, endpoint, ReasonOf(error), isOurs: IsOurs(error));
        }
        catch (Exception error) when (error is IOException or ConnectionAbortedException)
        {
            Fail(destination, endpoint, "lost connection");
        }
        catch (Exception error) when (IsTimeout(error))
        {
            if (phase == Phase.Connect)
                Fail(destination, endpoint, "Connection timed out");
            else
                FailSilent(destination, endpoint, pool.Time.GetElapsedTime(start));
        }
        finally
        {
            if (session is null)
                await DropAsync(connection, destination);
        }

        return null;
    }

    private ValueTask<(GreetingStatus Status, byte[] Text, int Code)> ReadGreetingAsync(ResilienceContext context, ConnectionContext connection)
    {
        // With nothing else to try the total time is the limit already: no second timer on the commonest path.
        if (_others <= 0 && _nextAddress == _addresses.Length)
            return GreetingReader.ReadAsync(connection.Transport.Input, context.CancellationToken);

        StepTimeout = Share();
        return pool.Step.ExecuteAsync(
            static (context, connection) => GreetingReader.ReadAsync(connection.Transport.Input, context.CancellationToken), context, connection);
    }

    private static async ValueTask DropAsync(ConnectionContext? connection, UpstreamDestination destination)
    {
        try
        {
            if (connection is not null)
            {
                connection.Abort();
                await connection.DisposeAsync();
            }
        }
        finally
        {
            destination.Leave();
        }
    }

    // Polly takes zero for "no limit"; when nothing is left the total timeout has fired or is about to.
    private TimeSpan Share() =>
        TimeSpan.FromTicks(Math.Max(1, Remaining.Ticks / (Math.Max(_others, 0) + 1 + (_addresses.Length - _nextAddress))));

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private bool IsTimeout(Exception error) =>
        error is TimeoutRejectedException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private bool HasNextAfterThis() =>
        _nextAddress < _addresses.Length || cluster.DestinationsState.AllDestinations.Any(other => other != _picked && IsUntried(other));

    private void FailSilent(UpstreamDestination destination, IPEndPoint endpoint, TimeSpan waited)
    {
        Fail(destination, endpoint, $"no greeting within {Math.Max(1, (long)Math.Round(waited.TotalSeconds))}s");
        _greetingTimedOut = true;
    }

    // isOurs: the shield itself lacked something, the destination is not to blame.
    private void Fail(UpstreamDestination destination, IPEndPoint? endpoint, string reason, bool isOurs = false)
    {
        (_failures ??= []).Add(new UpstreamFailure(destination.Name, reason, destination.Literal is null ? endpoint?.Address : null));
        _greetingTimedOut = false;
        if (_nextAddress < _addresses.Length)
            return;

        (_failed ??= []).Add(_picked!);
        if (!isOurs)
            pool.RecordFailure(cluster, _picked!, options.ReactivationTime);
    }

    private static bool IsOurs(SocketException error) =>
        error is TransparentSocketException
        || error.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.AddressNotAvailable;

    private static string ReasonOf(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "Connection refused",
        SocketError.TimedOut => "Connection timed out",
        // Reset between the handshake and our first look at the socket.
        SocketError.ConnectionReset or SocketError.NotConnected => "lost connection",
        SocketError.HostUnreachable => "No route to host",
        SocketError.NetworkUnreachable => "Network is unreachable",
        SocketError.HostNotFound or SocketError.NoData => "Host not found",
        SocketError.TryAgain => "Host not found, try again",
        _ => error.Message,
    };

    private static string FirstLineOf(ReadOnlySpan<byte> reply)
    {
        var line = reply[..Math.Min(reply.IndexOf("\r\n"u8), 100)];
        return string.Create(line.Length, line, static (text, line) =>
        {
            for (var i = 0; i < text.Length; i++)
                text[i] = line[i] is >= 0x20 and < 0x7f ? (char)line[i] : '?';
        });
    }
}
