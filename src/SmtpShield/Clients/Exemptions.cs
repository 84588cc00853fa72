using System.Net;

namespace SmtpShield.Clients;

/// <summary>
/// Clients an operator has exempted on the running shield, beside <c>smtpd_client_event_limit_exceptions</c>. A reload keeps them, the end of the program does
/// not. Each has an end, and is not asked for longer.
/// </summary>
/// <remarks>
/// At most <see cref="Capacity"/>. Clients ask with every connection: that takes no lock, nothing while there is no exemption, and a look-up for each length of
/// a prefix in use otherwise.
/// </remarks>
internal sealed class Exemptions : IDisposable
{
    /// <summary>Prefixes there may be.</summary>
    public const int Capacity = 1000;

    // What a timer can wait; it looks again then.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // What a shield tells again comes back a moment older or younger.
    private static readonly TimeSpan Same = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly ITimer _end;
    private readonly Lock _gate = new();
    private volatile ExemptionSet _set = ExemptionSet.Empty;

    /// <summary>Nobody is exempt.</summary>
    public Exemptions(TimeProvider time)
    {
        _time = time;
        _end = time.CreateTimer(static exemptions => ((Exemptions)exemptions!).RemoveEnded(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>One has ended by itself. Nothing else happens to exemptions meanwhile.</summary>
    public event Action<Exemption>? Ended;

    /// <summary>One was made, or was ended before its time. Nothing else happens to exemptions meanwhile.</summary>
    public event Action<Exemption, ExemptionChange>? Changed;

    /// <summary>Those in force, by prefix.</summary>
    public IReadOnlyList<Exemption> All
    {
        get
        {
            var now = _time.GetUtcNow();
            return [.. _set.All.Where(exemption => exemption.IsInForce(now))];
        }
    }

    /// <summary>The one that exempts an address; null: none. Of several the longest prefix.</summary>
    public Exemption? Find(IPAddress address)
    {
        var set = _set;
        return set.IsEmpty ? null : set.Find(address, _time.GetUtcNow());
    }

    /// <summary>The one that exempts all of a range; null: none.</summary>
    public Exemption? Find(in ClientRange range)
    {
        var set = _set;
        return set.IsEmpty ? null : set.Find(range.Address, _time.GetUtcNow(), range.PrefixLength);
    }

    /// <summary>That of exactly this prefix; null: there is none.</summary>
    public Exemption? Of(ClientRange prefix) => All.FirstOrDefault(exemption => exemption.Prefix == prefix);

    /// <summary>Exempts clients, or changes until when.</summary>
    /// <param name="exemption">Who, and until when.</param>
    /// <param name="before">What there was of this prefix; null: nothing.</param>
    /// <returns>False: there is no room for another prefix.</returns>
    public bool TryAdd(Exemption exemption, out Exemption? before)
    {
        lock (_gate)
        {
            Keep(_set.All);
            before = _set.All.FirstOrDefault(other => other.Prefix == exemption.Prefix);
            return TryPut(exemption, before, ExemptionChange.Made);
        }
    }

    /// <summary>Takes what another shield tells: of two of one prefix the one holds that was made later.</summary>
    /// <param name="exemption">What it tells.</param>
    public void TakeOver(Exemption exemption)
    {
        lock (_gate)
        {
            Keep(_set.All);
            var before = _set.All.FirstOrDefault(other => other.Prefix == exemption.Prefix);
            if (exemption.IsInForce(_time.GetUtcNow()) && (before is null || before.Since + Same < exemption.Since))
                TryPut(exemption, before, ExemptionChange.MadeElsewhere);
        }
    }

    /// <summary>Ends one before its time.</summary>
    /// <returns>What there was; null: nothing of exactly this prefix.</returns>
    public Exemption? Remove(ClientRange prefix)
    {
        lock (_gate)
        {
            Keep(_set.All);
            var before = _set.All.FirstOrDefault(other => other.Prefix == prefix);
            if (before is not null)
                Take(before, ExemptionChange.Removed);
            return before;
        }
    }

    /// <summary>Another shield has ended one: of those that were made before that.</summary>
    /// <param name="prefix">Which.</param>
    /// <param name="at">When.</param>
    public void RemoveOlder(ClientRange prefix, DateTimeOffset at)
    {
        lock (_gate)
        {
            Keep(_set.All);
            if (_set.All.FirstOrDefault(other => other.Prefix == prefix) is { } before && before.Since <= at)
                Take(before, ExemptionChange.RemovedElsewhere);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _end.Dispose();

    private bool TryPut(Exemption exemption, Exemption? before, ExemptionChange change)
    {
        if (before is null && _set.All.Count == Capacity)
            return false;

        Keep([.. _set.All.Where(other => other.Prefix != exemption.Prefix), exemption]);
        Changed?.Invoke(exemption, change);
        return true;
    }

    private void Take(Exemption exemption, ExemptionChange change)
    {
        Keep([.. _set.All.Where(other => other.Prefix != exemption.Prefix)]);
        Changed?.Invoke(exemption, change);
    }

    private void RemoveEnded()
    {
        lock (_gate)
            Keep(_set.All);
    }

    // Without those that have ended, which is told here, and only here.
    private void Keep(IReadOnlyList<Exemption> all)
    {
        var now = _time.GetUtcNow();
        foreach (var ended in all.Where(exemption => !exemption.IsInForce(now)))
            Ended?.Invoke(ended);
        _set = new([.. all.Where(exemption => exemption.IsInForce(now))]);
        if (_set.IsEmpty)
            return;

        var next = _set.All.Min(static exemption => exemption.Until) - now;
        _end.Change(next < LongestWait ? next : LongestWait, Timeout.InfiniteTimeSpan);
    }
}
