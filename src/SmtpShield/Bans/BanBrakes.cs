using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Bans;

/// <summary>
/// Why the shield makes no bans itself: an MTA that is broken refuses everybody, and then honest clients hit the limits on errors. Looked at once a second
/// while clients hit rules that ban.
/// </summary>
/// <remarks>Of the clients that deliver mail here at most <see cref="Capacity"/> that hit such a rule are known.</remarks>
internal sealed class BanBrakes(AnvilTable table, MtaTrouble troubleAt, TimeProvider time)
{
    /// <summary>New bans a second; above it something else than a few bad clients is the matter.</summary>
    public const int MostInASecond = 100;

    /// <summary>Clients that deliver mail which must have been here for their errors to be a sign.</summary>
    public const int FewestDelivering = 3;

    /// <summary>Clients that deliver mail, and hit a rule, that are known.</summary>
    public const int Capacity = 4096;

    /// <summary>Who had mail accepted in this time delivers mail here.</summary>
    public static readonly TimeSpan Delivered = TimeSpan.FromHours(24);

    private const int Minute = 60;
    private static readonly TimeSpan _overRateFor = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _minute = TimeSpan.FromSeconds(Minute);

    // Above it a pass over the table is made less often.
    private const int LargeTable = 100_000;
    private static readonly TimeSpan _usual = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _ofLargeTable = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientRange, long> _hitBy = [];
    private volatile string? _mail;
    private long? _passedAt;
    private long _second = long.MinValue;
    private int _inSecond;
    private bool _isOverRate;
    private long _overRateAt;

    /// <summary>Why no client of a service is banned now; null: they are.</summary>
    /// <param name="service">The service's name.</param>
    public string? WhyNot(string service) =>
        troubleAt(service) ?? _mail;

    /// <summary>Whether bans had to wait for the next second, lately.</summary>
    public bool IsOverRate => Volatile.Read(ref _isOverRate);

    /// <summary>A client has hit a rule that bans.</summary>
    public void NoteHit(in ClientRange client)
    {
        if (!table.Delivering.HasDelivered(client, Delivered))
            return;
        lock (_gate)
        {
            if (_hitBy.Count < Capacity || _hitBy.ContainsKey(client))
                _hitBy[client] = time.GetTimestamp();
        }
    }

    /// <summary>Whether another ban may be made in this second; counts it. Who has to wait is banned at its next hit.</summary>
    public bool TryTakeTurn()
    {
        lock (_gate)
        {
            var second = time.GetUtcNow().ToUnixTimeSeconds();
            if (second != _second)
                (_second, _inSecond) = (second, 0);
            if (_inSecond < MostInASecond)
            {
                _inSecond++;
                return true;
            }

            (_isOverRate, _overRateAt) = (true, time.GetTimestamp());
            return false;
        }
    }

    /// <summary>Looks. To be called each second.</summary>
    public void Look()
    {
        int hit;
        lock (_gate)
        {
            if (_isOverRate && time.GetElapsedTime(_overRateAt) >= _overRateFor)
                _isOverRate = false;
            foreach (var (client, at) in _hitBy)
            {
                if (time.GetElapsedTime(at) >= _minute)
                    _hitBy.Remove(client);
            }

            hit = _hitBy.Count;
        }

        if (hit == 0)
            (_mail, _passedAt) = (null, null);
        else if (_passedAt is not { } at || time.GetElapsedTime(at) >= (table.Size > LargeTable ? _ofLargeTable : _usual))
            Pass(hit);
    }

    private void Pass(int hit)
    {
        _passedAt = time.GetTimestamp();
        var seen = new HashSet<ClientRange>();
        table.Scan((records, now, _) =>
        {
            foreach (ref var record in records)
            {
                if (!record.IsFree && !record.IsExpired(now, Minute) && table.Delivering.HasDelivered(record.Client, Delivered))
                    seen.Add(record.Client);
            }
        });
        _mail = seen.Count >= FewestDelivering && hit > seen.Count / 2
            ? $"{hit} of {seen.Count} clients that deliver mail here are over a limit that bans" : null;
    }
}
