using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Polly.Timeout;
using SmtpShield.Clients;
using SmtpShield.Metrics;
using SmtpShield.Mta.Handoff;
using SmtpShield.Mta.Health;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Slots;
using SmtpShield.Options;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Mta;

/// <summary>One dial: what was tried, what failed, how much time is left. Garbage once the connection is made.</summary>
/// <remarks>
/// Time is shared fairly: a step may take its share of what is left, one share for each address of the destination under way and one for each available
/// destination not yet tried. A silent MTA out of two gets half of the time and the other one the rest; the last one gets all that is left. The wait for a
/// session to be free, before each try, has a time of its own.
/// </remarks>
/// <param name="pool">Who dials.</param>
/// <param name="cluster">The service's destinations.</param>
/// <param name="service">The service's options.</param>
/// <param name="client">For whom; <see langword="null"/>: for the shield itself.</param>
/// <param name="only">The only destination to try, by a probe, whatever is known of it; <see langword="null"/>: any.</param>
/// <param name="waits">Whether it waits for a slot; a probe that nobody asked for does not.</param>
/// <param name="wake">Makes the session look at what is asked of its slot.</param>
/// <param name="leaveQueue">Gives up while it waits for a slot.</param>
/// <param name="cancellationToken">Gives up.</param>
internal sealed class UpstreamDial(
    UpstreamPool pool,
    ClusterState cluster,
    ShieldOptions service,
    UpstreamClient? client,
    DestinationState? only,
    bool waits,
    Action wake,
    CancellationToken leaveQueue,
    CancellationToken cancellationToken)
{
    private readonly UpstreamOptions _options = service.Upstream;
    private readonly DialCandidates _candidates = new(pool, cluster, only);
    private readonly ClientStanding _standing = pool.StandingOf(service, client);
    private TimeSpan _queued;
    private TimeSpan _dialed;
    private long _start;
    private Slot? _slot;
    private KeptSession? _kept;
    private int _keptTried;
    private bool _queueTimedOut;
    private DestinationState? _picked;
    private List<UpstreamFailure>? _failures;
    private IPAddress[] _addresses = [];
    private int _nextAddress;
    private int _others;
    private bool _greetingTimedOut;
    private bool _isBlameless;

    // Kept sessions that are not what they were come in numbers, as when the MTA was restarted: behind a few the client is dialed for.
    private const int MostKeptTried = 2;

    private bool MayReuse => _options.Reuse && client is { MayReuse: true } && _keptTried < MostKeptTried;

    // Whether there is an address or a destination not yet tried.
    private bool HasNext => _nextAddress < _addresses.Length || _candidates.IsAnyLeft();

    // With IP_TRANSPARENT the MTA sees the client's address as the connection's own.
    private IPAddress? Source => _options.ClientHandoff == ClientHandoff.Transparent ? client?.Identity.Address : null;

    private ClientRange Range => client?.Identity.Range ?? default;

    private TimeSpan Remaining => _options.GreetingTimeout - _dialed - pool.Time.GetElapsedTime(_start);

    /// <summary>How long the last greeting took, or was waited for.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Whether the last failure was for want of something the shield needs, or about the client: it says nothing of the MTA.</summary>
    public bool IsBlameless => _isBlameless;

    /// <summary>
    /// Walks over the destinations, until one has greeted, none is left, or <see cref="UpstreamOptions.GreetingTimeout"/> or
    /// <see cref="UpstreamOptions.QueueTime"/> is over. To be called once.
    /// </summary>
    /// <exception cref="OperationCanceledException">The dial was given up.</exception>
    public async ValueTask<UpstreamDialResult> RunAsync()
    {
        try
        {
            while (HasNext && _dialed < _options.GreetingTimeout)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!await TakeSlotAsync())
                    break;
                if (await TryInTimeAsync(_kept) is { } connection)
                    return ToResult(connection);
            }

            return ToResult(null);
        }
        finally
        {
            _slot?.Dispose();
        }
    }

    private UpstreamDialResult ToResult(UpstreamConnection? connection) =>
        new(connection, (IReadOnlyList<UpstreamFailure>?)_failures ?? [], connection is null && _greetingTimedOut, connection is null && _queueTimedOut);

    // A slot for the next address of the destination under way, or else for the next destination.
    private ValueTask<bool> TakeSlotAsync()
    {
        if (_nextAddress < _addresses.Length)
            return _slot is not null ? new(true) : TakeSlotAsync([_picked!]);

        _slot?.Dispose();
        _slot = null;
        _addresses = [];
        _nextAddress = 0;
        var candidates = _candidates.Next();
        _others = candidates.Count - 1;
        return TakeSlotAsync(candidates);
    }

    private ValueTask<bool> TakeSlotAsync(IReadOnlyList<DestinationState> candidates) =>
        TryTakeSlot(candidates) ? new(true) : candidates.Count == 0 || _candidates.AreAllDown || !waits ? new(false) : WaitForSlotAsync(candidates);

    private bool TryTakeSlot(IReadOnlyList<DestinationState> candidates)
    {
        // The policy only sees those that have one for this client.
        for (var free = candidates; free.Count > 0; free = [.. free.Where(one => one != _picked)])
        {
            _picked = pool.Pick(cluster, free, Range, _options.Policy);
            var destination = pool.DestinationOf(_picked);
            _kept = MayReuse ? destination.Kept.TryTake(cluster.ClusterId, service, Range, _standing, wake) : null;
            if (_kept is not null)
                return true;
            _slot = destination.Slots.TryTake(Range, _standing, wake);
            if (_slot is not null)
                return true;
        }

        return false;
    }

    private async ValueTask<bool> WaitForSlotAsync(IReadOnlyList<DestinationState> candidates)
    {
        var isForAddress = _nextAddress < _addresses.Length;
        while (_queued < _options.QueueTime)
        {
            var start = pool.Time.GetTimestamp();
            _slot = await pool.Queue.WaitAsync(cluster, [.. candidates.Select(one => pool.DestinationOf(one).Slots)], Range, _standing, wake,
                _options.QueueTime - _queued, leaveQueue, cancellationToken);
            _queued += pool.Time.GetElapsedTime(start);
            if (_slot is not null)
            {
                _picked = candidates.First(one => pool.DestinationOf(one).Slots == _slot.Slots);
                // One that was drained may have had a place for those who wait before they hear of it.
                if (isForAddress || !pool.DestinationOf(_picked).IsDrained)
                    return true;

                _slot.Dispose();
                _slot = null;
            }

            if (isForAddress)
                continue;
            candidates = _candidates.Next();
            _others = candidates.Count - 1;
            if (TryTakeSlot(candidates))
                return true;
            if (candidates.Count == 0 || _candidates.AreAllDown)
                return false;
        }

        _queueTimedOut = true;
        return false;
    }

    private async ValueTask<UpstreamConnection?> TryInTimeAsync(KeptSession? kept)
    {
        _start = pool.Time.GetTimestamp();
        try
        {
            if (kept is not null)
                return await TryKeptAsync(kept);
            return await pool.TimeLimit.RunAsync(
                _options.GreetingTimeout - _dialed, static (dial, withinAll) => dial.TryNextAsync(withinAll), this, cancellationToken);
        }
        catch (TimeoutRejectedException)
        {
            // Time ran out just between two steps. In the middle of one, the try itself says what it was waiting for.
            return null;
        }
        finally
        {
            _dialed += pool.Time.GetElapsedTime(_start);
        }
    }

    // Null: it is not what it was. That is no failure of the destination's: it may have been restarted since.
    private async ValueTask<UpstreamConnection?> TryKeptAsync(KeptSession kept)
    {
        _kept = null;
        _keptTried++;
        UpstreamConnection? session = null;
        try
        {
            session = await pool.TimeLimit.RunAsync(
                Shorter(_options.ConnectTimeout, Remaining),
                static (step, inTime) => step.RunAsync(inTime),
                new Reintroduction(kept, service, client!),
                cancellationToken);
            if (session is { IsUntried: false })
                kept.Destination.NoteHeard();
        }
        catch (Exception error) when (error is SocketException or IOException or ConnectionAbortedException || IsTimeout(error))
        {
            // The next one, or a new one.
        }
        finally
        {
            if (session is null)
                kept.Quit();
        }

        return session;
    }

    // Tries the next address of the destination under way. Null: it failed, and the failure is noted.
    private async ValueTask<UpstreamConnection?> TryNextAsync(CancellationToken withinAll)
    {
        var destination = pool.DestinationOf(_picked!);
        if (destination.Literal is { } literal)
            return await TryAsync(destination, literal, withinAll);

        if (_addresses.Length == 0 && !await TryResolveAsync(destination, withinAll))
            return null;
        return await TryAsync(destination, new IPEndPoint(_addresses[_nextAddress++], destination.Port), withinAll);
    }

    private async ValueTask<bool> TryResolveAsync(UpstreamDestination destination, CancellationToken withinAll)
    {
        try
        {
            var lookup = pool.TimeLimit.RunAsync(
                Shorter(_options.ConnectTimeout, Share()), static (name, inTime) => name.AddressesAsync(inTime), destination.Addresses!, withinAll);
            if (!lookup.IsCompleted)
                _slot!.NoteHeldUp();
            _addresses = await lookup;
            return true;
        }
        catch (SocketException error)
        {
            Count(destination, DialOutcome.Unreachable);
            Fail(destination, null, DialErrors.ReasonOf(error));
        }
        catch (Exception error) when (IsTimeout(error))
        {
            Count(destination, DialOutcome.TimedOut);
            Fail(destination, null, "Host name lookup timed out");
        }

        return false;
    }

    private async ValueTask<UpstreamConnection?> TryAsync(UpstreamDestination destination, IPEndPoint endpoint, CancellationToken withinAll)
    {
        if (Source is { } source && source.AddressFamily != endpoint.AddressFamily)
        {
            Count(destination, DialOutcome.Unreachable);
            Fail(destination, endpoint, $"not reachable from {source}: not the same IP version", isBlameless: true);
            return null;
        }

        var opening = new UpstreamOpening(service, destination.Host, client, pool.Tls);
        var start = pool.Time.GetTimestamp();
        _slot!.NoteAwaited(start);
        ConnectionContext? connection = null;
        UpstreamConnection? session = null;
        try
        {
            connection = await pool.TimeLimit.RunAsync(
                Shorter(_options.ConnectTimeout, Share()),
                static (step, inTime) => step.Transport.ConnectAsync(step.EndPoint, step.Source, step.Beside, inTime),
                (pool.Transport, EndPoint: endpoint, Source, Beside: client?.Socket),
                withinAll);

            var (greeting, failure) = await OpenAsync(opening, connection, withinAll);
            if (failure is not null)
            {
                Count(destination, DialOutcome.Failed);
                Fail(destination, endpoint, failure, isBlameless: opening.HasNamedClient);
                return null;
            }

            Took = pool.Time.GetElapsedTime(start);
            _slot!.NoteAnswered(MtaWork.Greeting, Took);
            destination.Stress.NoteAnswer(Took);
            if (only is null)
                destination.Metrics.NoteReply(ReplyPhase.Greeting, Took);
            var lastWord = opening.HelloReply is { Code: 421 } said ? said : greeting;
            // An MTA that is told who the client is may mean the client.
            var isAboutShield = client is null || _options.ClientHandoff == ClientHandoff.None;
            destination.Stress.NoteReply(isOfSystem: isAboutShield && lastWord.Code == 421);
            Count(destination, lastWord.Code switch { 220 => DialOutcome.Greeted, 421 => DialOutcome.Busy, _ => DialOutcome.Refused });
            var reason = lastWord.Code == 220 ? "" : $"refused to talk to me: {lastWord.FirstLine}";
            if (lastWord.Code == 220 || isAboutShield)
                Note(new(KindOf(lastWord.Code), reason, Took));
            else
                destination.NoteHeard();
            if (lastWord.Code == 421 && !opening.HasNamedClient && HasNextAfterThis())
            {
                // Not now, says this MTA. Another one may; the last one's word is passed on to the client.
                Fail(destination, endpoint, reason, isBlameless: true);
                return null;
            }

            return session = new UpstreamConnection(
                connection, opening.Secured, destination, _slot!, destination.Intern(greeting.Text), greeting.Code)
            {
                HelloReply = opening.HelloReply,
                Reuse = _options.Reuse && client is { Hello.IsEmpty: false } && opening.HelloReply is { } hello
                    && Reintroduction.IsPossible(destination, service, hello)
                        ? pool.NewReuse(cluster.ClusterId, service, client.Hello, hello) : null,
            };
        }
        catch (SocketException error)
        {
            Count(destination, connection is null ? DialOutcome.Unreachable : DialOutcome.Lost);
            Fail(destination, endpoint, DialErrors.ReasonOf(error), isBlameless: DialErrors.IsOurs(error) || opening.HasNamedClient);
        }
        catch (Exception error) when (error is IOException or ConnectionAbortedException)
        {
            Count(destination, DialOutcome.Lost);
            Fail(destination, endpoint, "lost connection", isBlameless: opening.HasNamedClient);
        }
        catch (Exception error) when (IsTimeout(error))
        {
            Count(destination, connection is null ? DialOutcome.TimedOut : DialOutcome.Silent);
            if (connection is null)
                Fail(destination, endpoint, "Connection timed out");
            else
                FailSilent(destination, endpoint, opening, pool.Time.GetElapsedTime(start));
        }
        finally
        {
            // Without a connection the slot is as good for the next address.
            if (connection is not null)
            {
                if (session is null)
                    UpstreamDeparture.Begin(connection, opening.Secured, _slot!, opening.MayQuit);
                _slot = null;
            }
        }

        return null;
    }

    private async ValueTask<(UpstreamReply Greeting, string? Failure)> OpenAsync(
        UpstreamOpening opening, ConnectionContext connection, CancellationToken withinAll)
    {
        await using var silence = WatchForSilence(opening);
        // With nothing else to try the total time is the limit already.
        if (_others <= 0 && _nextAddress == _addresses.Length)
            return await opening.RunAsync(connection, withinAll);

        return await pool.TimeLimit.RunAsync(
            Share(), static (step, inTime) => step.Opening.RunAsync(step.Connection, inTime), (Opening: opening, Connection: connection), withinAll);
    }

    // Null: its silence says nothing. Its other addresses may answer; or it knows the client from the first octet on, and looks up its name for half a minute.
    private ITimer? WatchForSilence(UpstreamOpening opening)
    {
        var isAboutClient = client is not null && (ProxyHandoff.Writes(_options.ClientHandoff) || _options.ClientHandoff == ClientHandoff.Transparent);
        if (isAboutClient || _nextAddress < _addresses.Length)
            return null;

        var health = pool.HealthOf(cluster, _picked!);
        return health.TellingSilence is { } span && span < Remaining
            ? pool.Time.CreateTimer(
                static state =>
                {
                    var (opening, health, span) = ((UpstreamOpening, MtaHealth, TimeSpan))state!;
                    if (!opening.HasHeard)
                        health.NoteSilence($"no {opening.Awaited} within {span.TotalSeconds:0}s");
                },
                (opening, health, span),
                span,
                Timeout.InfiniteTimeSpan)
            : null;
    }

    // Never zero, which is no limit; when nothing is left the total timeout has fired or is about to.
    private TimeSpan Share() =>
        TimeSpan.FromTicks(Math.Max(1, Remaining.Ticks / (Math.Max(_others, 0) + 1 + (_addresses.Length - _nextAddress))));

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private bool IsTimeout(Exception error) =>
        error is TimeoutRejectedException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private bool HasNextAfterThis() => _nextAddress < _addresses.Length || _candidates.IsAnyLeft(but: _picked);

    private void FailSilent(UpstreamDestination destination, IPEndPoint endpoint, UpstreamOpening opening, TimeSpan waited)
    {
        Took = waited;
        Fail(destination, endpoint, $"no {opening.Awaited} within {Math.Max(1, (long)Math.Round(waited.TotalSeconds))}s", isBlameless: opening.HasNamedClient,
            opening.HasHeard ? ProbeOutcomeKind.Failed : ProbeOutcomeKind.Silent);
        _greetingTimedOut = !opening.HasHeard;
    }

    // isBlameless: the shield itself lacked something, or the client is the reason.
    private void Fail(
        UpstreamDestination destination, IPEndPoint? endpoint, string reason, bool isBlameless = false, ProbeOutcomeKind kind = ProbeOutcomeKind.Failed)
    {
        (_failures ??= []).Add(new UpstreamFailure(destination.Name, reason, destination.Literal is null ? endpoint?.Address : null));
        _greetingTimedOut = false;
        _isBlameless = isBlameless;
        if (_nextAddress < _addresses.Length)
            return;

        _candidates.NoteFailed(_picked!);
        if (!isBlameless)
            Note(new(kind, reason, Took));
    }

    // Probes are not clients'.
    private void Count(UpstreamDestination destination, DialOutcome outcome)
    {
        if (only is null)
            destination.Metrics.NoteDial(outcome);
    }

    // A probe tells what it has found out itself.
    private void Note(ProbeOutcome outcome)
    {
        if (only is null)
            pool.NoteDial(cluster, _picked!, outcome, _options.ReactivationTime);
    }

    private static ProbeOutcomeKind KindOf(int greetingCode) => greetingCode switch
    {
        220 => ProbeOutcomeKind.Good,
        421 => ProbeOutcomeKind.Busy,
        _ => ProbeOutcomeKind.Failed,
    };
}
