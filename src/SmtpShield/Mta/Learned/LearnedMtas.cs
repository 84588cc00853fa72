using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Learned;

/// <summary>What is known of all MTAs. Bounded by what has been configured since the start, and by <see cref="Most"/>.</summary>
/// <param name="time">The clock.</param>
/// <param name="log">Where log lines go.</param>
internal sealed class LearnedMtas(TimeProvider time, ILogger<LearnedMtas> log)
{
    /// <summary>Kinds of clients of all MTAs; of more nothing is learned.</summary>
    public const int Most = 4096;

    private readonly ConcurrentDictionary<LearnedKey, LearnedReplies> _all = new();
    private readonly ConcurrentDictionary<(string Service, bool IsInTls), Pooled> _pools = new();

    /// <summary>What an MTA says to one kind of clients.</summary>
    /// <returns>Null when nothing can be learned of it any more.</returns>
    public LearnedReplies? Of(in LearnedKey key) => _all.TryGetValue(key, out var known) ? known
        : _all.Count >= Most ? null
        : _all.GetOrAdd(key, key => new(key.Destination, time, log));

    /// <summary>What may be said in the place of any of some MTAs: what all of them offer, with the greeting of the first.</summary>
    /// <param name="keys">They, of one service; at least one.</param>
    /// <returns>Null when one of them is not known.</returns>
    public MtaPromise? PromiseOf(ReadOnlySpan<LearnedKey> keys)
    {
        var promises = new MtaPromise[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            if (!_all.TryGetValue(keys[i], out var known) || known.Promise is not { } promise)
                return null;
            promises[i] = promise;
        }

        if (promises.Length == 1)
            return promises[0];

        // Most often nothing has changed since the last client.
        var pool = (keys[0].Service, keys[0].IsInTls);
        if (!_pools.TryGetValue(pool, out var pooled) || !pooled.Of.SequenceEqual(promises, ReferenceEqualityComparer.Instance))
        {
            _pools[pool] = pooled =
                new(promises, new(promises[0].Greeting, EhloOffer.Intersect([.. promises.Select(static promise => promise.Offer)])));
        }

        return pooled.All;
    }

    /// <summary>Everything that is known.</summary>
    public IEnumerable<KeyValuePair<LearnedKey, LearnedReplies>> All => _all;

    /// <summary>A probe was greeted, and its EHLO answered, both with success.</summary>
    /// <param name="key">Which clients it was like: never such in TLS.</param>
    /// <param name="greeting">The greeting.</param>
    /// <param name="reply">The whole reply to EHLO.</param>
    public void NoteProbe(in LearnedKey key, ReadOnlySpan<byte> greeting, ReadOnlySpan<byte> reply)
    {
        // It is another MTA for everybody; what is said to clients in TLS no probe can say.
        if (Of(key)?.NoteProbe(greeting, reply) is true && _all.TryGetValue(key with { IsInTls = true }, out var inTls))
            inTls.Forget();
    }

    /// <summary>A service can't reach one of its MTAs any more: it may be another one when it is back.</summary>
    public void Forget(string service, string destination)
    {
        foreach (var (key, known) in _all)
        {
            if (key.Service == service && key.Destination == destination)
                known.Forget();
        }
    }

    private sealed record Pooled(MtaPromise[] Of, MtaPromise All);
}
