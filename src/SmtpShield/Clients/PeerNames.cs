using System.Net;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Clients;

/// <summary>
/// The verified names of clients (Postfix <c>smtpd_peername_lookup</c>). A look-up costs its client a bounded wait and nobody else anything: whatever the
/// resolver does, or does not, connections go on as <c>unknown</c>. Places are bounded and shared: a network whose names nobody answers for has a few, and a
/// look-up its client no longer waits for makes room for one that somebody does.
/// </summary>
internal sealed partial class PeerNames(INameResolver resolver, TimeProvider time, ILogger<PeerNames> log)
{
    /// <summary>Look-ups that are under way, each with a socket.</summary>
    /// <value>100. As none keeps its place longer than <see cref="Patience"/> when places are short, these are 400 clients a second whose names nobody answers
    /// for.</value>
    public const int MaxOutstanding = 100;

    /// <summary>Those of one network among them.</summary>
    /// <value>10.</value>
    public const int MaxOfNetwork = 10;

    /// <summary>
    /// How long a connection waits for its name. Long enough for an answer from a resolver's cache or nearby, short beside the round trips of a session.
    /// </summary>
    /// <value>250 milliseconds.</value>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    // Who answers for the names of one address does so for its neighbours: a delegation of reverse names is seldom smaller than that.
    private const int IPv4Network = 24;
    private const int IPv6Network = 48;

    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, PeerLookup> _outstanding = [];
    private readonly PeerNameCache _cache = new(time);
    private readonly AtMostOnce _warning = new(time, WarningInterval);
    private readonly AtMostOnce _networkWarning = new(time, WarningInterval);

    /// <summary>
    /// The name of a client, looked up unless it is known; unknown if that takes longer than <see cref="Patience"/>. What comes later is there for the client's
    /// next connection.
    /// </summary>
    /// <param name="address">The client's address, no IPv4-mapped one.</param>
    /// <param name="cancellationToken">Ends the wait early, also as unknown.</param>
    public async ValueTask<PeerName> LookUpAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (Begin(address, out var known) is not { } lookup)
            return known;

        await ((Task)lookup.Answer.WaitAsync(Patience, time, cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return lookup.Answer.IsCompleted ? await lookup.Answer.ConfigureAwait(false) : PeerName.Unanswered;
    }

    private PeerLookup? Begin(IPAddress address, out PeerName known)
    {
        known = PeerName.Unanswered;
        PeerLookup? lookup, late = null;
        lock (_lock)
        {
            if (_cache.Find(address) is { } found)
            {
                known = found;
                return null;
            }

            if (_outstanding.TryGetValue(address, out lookup))
                return lookup.IsLate ? null : lookup;
            var range = ClientRange.Of(address, IPv4Network, IPv6Network);
            if (!HasRoom(range, out late))
                return null;
            if (late is not null)
                _outstanding.Remove(late.Address);
            lookup = new(address, range, time);
            _outstanding.Add(address, lookup);
        }

        late?.GiveUp();
        _ = RunAsync(lookup);
        return lookup;
    }

    // Whether another look-up may begin, or may do so in place of the oldest one. Called under the lock.
    private bool HasRoom(ClientRange range, out PeerLookup? late)
    {
        var ofNetwork = 0;
        PeerLookup? oldest = null, oldestOfNetwork = null;
        foreach (var lookup in _outstanding.Values)
        {
            if (oldest is null || lookup.Age > oldest.Age)
                oldest = lookup;
            if (lookup.Range != range)
                continue;
            ofNetwork++;
            if (oldestOfNetwork is null || lookup.Age > oldestOfNetwork.Age)
                oldestOfNetwork = lookup;
        }

        late = ofNetwork >= MaxOfNetwork ? oldestOfNetwork : _outstanding.Count >= MaxOutstanding ? oldest : null;
        if (late is null || late.Age >= Patience)
            return true;
        if (ofNetwork >= MaxOfNetwork && _networkWarning.IsDue())
            Log.TooManyLookupsOfNetwork(log, MaxOfNetwork, range);
        else if (ofNetwork < MaxOfNetwork && _warning.IsDue())
            Log.TooManyLookups(log, MaxOutstanding);
        return false;
    }

    private async Task RunAsync(PeerLookup lookup)
    {
        var answer = PeerName.Unanswered;
        try
        {
            answer = await lookup.AskAsync(resolver).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // A bug; nobody else would catch it.
            Log.LookupFailed(log, exception, lookup.Address);
        }

        Finish(lookup, answer);
    }

    private void Finish(PeerLookup lookup, PeerName answer)
    {
        lock (_lock)
        {
            // Given up, its place may have been taken by another one of the same address.
            if (_outstanding.TryGetValue(lookup.Address, out var current) && current == lookup)
                _outstanding.Remove(lookup.Address);
            _cache.Add(lookup.Address, answer);
        }

        lookup.Complete(answer);
        lookup.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(1151, LogLevel.Warning, "{Outstanding} look-ups of client names in {Network} are outstanding: further clients of it are \"unknown\"",
            EventName = "TooManyLookupsOfNetwork")]
        public static partial void TooManyLookupsOfNetwork(ILogger logger, int outstanding, ClientRange network);

        [LoggerMessage(1104, LogLevel.Warning, "{Outstanding} look-ups of client names are outstanding: further clients are \"unknown\"",
            EventName = "TooManyLookups")]
        public static partial void TooManyLookups(ILogger logger, int outstanding);

        [LoggerMessage(1105, LogLevel.Error, "look-up of the name of {Address} failed", EventName = "LookupFailed")]
        public static partial void LookupFailed(ILogger logger, Exception exception, IPAddress address);
    }
}
