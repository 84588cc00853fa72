using System.Net;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Clients;

/// <summary>
/// The verified names of clients (Postfix <c>smtpd_peername_lookup</c>). A look-up costs its client a bounded wait and nobody else anything: whatever the
/// resolver does, or does not, connections go on as <c>unknown</c>.
/// </summary>
internal sealed partial class PeerNames(INameResolver resolver, TimeProvider time, ILogger<PeerNames> log)
{
    /// <summary>Look-ups that are under way or wait for a thread; above that none is started.</summary>
    /// <value>100.</value>
    public const int MaxOutstanding = 100;

    /// <summary>How long a connection waits for its name. Long enough for an answer from a resolver's cache or nearby, short beside the round trips of a session.</summary>
    /// <value>250 milliseconds.</value>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan WarningInterval = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, PeerLookup> _outstanding = [];
    private readonly PeerNameCache _cache = new(time);
    private readonly LookupThreads _threads = new();
    private long? _lastWarning;

    /// <summary>The name of a client, looked up unless it is known; unknown if that takes longer than <see cref="Patience"/>. What comes later is there for the client's next connection.</summary>
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
        PeerLookup? lookup;
        lock (_lock)
        {
            if (_cache.Find(address) is { } found)
            {
                known = found;
                return null;
            }

            if (_outstanding.TryGetValue(address, out lookup))
                return lookup.IsLate ? null : lookup;
            if (_outstanding.Count >= MaxOutstanding)
            {
                WarnOfTooMany();
                return null;
            }

            lookup = new(address, time);
            _outstanding.Add(address, lookup);
        }

        if (_threads.TryRun(() => Run(lookup)))
            return lookup;
        Finish(lookup, PeerName.Unanswered);
        return null;
    }

    private void Run(PeerLookup lookup)
    {
        var answer = PeerName.Unanswered;
        try
        {
            answer = lookup.Ask(resolver);
        }
        catch (Exception exception)
        {
            // A bug; on a thread of our own nobody else would catch it and the program would end.
            Log.LookupFailed(log, exception, lookup.Address);
        }

        Finish(lookup, answer);
    }

    private void Finish(PeerLookup lookup, PeerName answer)
    {
        lock (_lock)
        {
            _outstanding.Remove(lookup.Address);
            _cache.Add(lookup.Address, answer);
        }

        lookup.Complete(answer);
    }

    private void WarnOfTooMany()
    {
        if (_lastWarning is { } last && time.GetElapsedTime(last) < WarningInterval)
            return;
        _lastWarning = time.GetTimestamp();
        Log.TooManyLookups(log, MaxOutstanding);
    }

    private static partial class Log
    {
        [LoggerMessage(1104, LogLevel.Warning, "{Outstanding} look-ups of client names are outstanding: further clients are \"unknown\"", EventName = "TooManyLookups")]
        public static partial void TooManyLookups(ILogger logger, int outstanding);

        [LoggerMessage(1105, LogLevel.Error, "look-up of the name of {Address} failed", EventName = "LookupFailed")]
        public static partial void LookupFailed(ILogger logger, Exception exception, IPAddress address);
    }
}
