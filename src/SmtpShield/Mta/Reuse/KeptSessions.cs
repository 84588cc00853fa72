using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Mta.Slots;
using SmtpShield.Mta.Stress;
using SmtpShield.Options;

namespace SmtpShield.Mta.Reuse;

/// <summary>
/// The sessions of one destination that wait for another client, the last one first: for <see cref="Idle"/> at most, and only as many as had clients at the
/// same time lately. They count for the destination's limit, and none is kept while somebody waits for a session. Whatever ends one, the MTA is told QUIT.
/// </summary>
/// <param name="destination">The destination.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where it says that sessions can't be reused.</param>
internal sealed partial class KeptSessions(UpstreamDestination destination, TimeProvider time, ILogger log) : IDisposable
{
    /// <summary>How long one waits: half of what a Postfix under stress waits for a command.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly List<KeptSession> _kept = [];

    // Whose MTA has shown that it does not take another client.
    private readonly HashSet<ShieldOptions> _unfit = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<ShieldOptions> _told = new(ReferenceEqualityComparer.Instance);
    private ITimer? _timer;
    private volatile int _count;
    private bool _isClosed;

    /// <summary>How many there are.</summary>
    public int Count => _count;

    /// <summary>Keeps a session, or leaves it with QUIT.</summary>
    public void Keep(KeptSession session)
    {
        if (!TryKeep(session))
            session.Quit();
        // A reload or drain that has come meanwhile has not seen it.
        else if (!MayStay(session))
            GiveUp(kept => !MayStay(kept));
    }

    /// <summary>Takes one out for a client, with a slot of the client's.</summary>
    /// <param name="service">The client's service.</param>
    /// <param name="options">The options of its connection.</param>
    /// <param name="client">Whose session it will be.</param>
    /// <param name="standing">What the client is known for.</param>
    /// <param name="wake">Makes the client's session look at what is asked of its slot.</param>
    /// <returns>Null: there is none, or others come first.</returns>
    public KeptSession? TryTake(string service, ShieldOptions options, in ClientRange client, ClientStanding standing, Action wake)
    {
        if (_count == 0)
            return null;

        destination.Addresses?.RefreshIfOld();
        while (true)
        {
            KeptSession session;
            lock (_gate)
            {
                var at = _kept.FindLastIndex(kept => kept.Reuse.IsFor(service, options));
                if (at < 0)
                    return null;

                session = _kept[at];
                var isGood = IsInTime(session) && MayStay(session) && !session.HasTalked;
                if (isGood)
                {
                    if (destination.Slots.TryUnpark(session.Slot, client, standing, wake) is not { } slot)
                        return null;
                    session.Slot = slot;
                }

                _kept.RemoveAt(at);
                _count = _kept.Count;
                if (isGood)
                    return session;
            }

            session.Quit();
        }
    }

    /// <summary>Gives up as many as others need, those that are kept for the longest first.</summary>
    public void GiveUp(int count)
    {
        if (_count > 0 && count > 0)
            GiveUp(_ => count-- > 0);
    }

    /// <summary>Gives up those that do not belong here any more: the destination is taken out, or options have changed.</summary>
    public void GiveUpOutdated()
    {
        lock (_gate)
        {
            _unfit.Clear();
            _told.Clear();
        }

        GiveUp(session => !MayStay(session));
    }

    /// <summary>Gives up all.</summary>
    public void GiveUpAll() => GiveUp(static _ => true);

    /// <summary>The same, and keeps none any more.</summary>
    public void Dispose()
    {
        lock (_gate)
            _isClosed = true;
        GiveUpAll();
    }

    /// <summary>Whether sessions of clients with these options may be kept.</summary>
    public bool IsFit(ShieldOptions options)
    {
        lock (_gate)
            return !_unfit.Contains(options);
    }

    /// <summary>The MTA has refused to be told of another client: none is kept until a reload.</summary>
    /// <param name="options">The options of its clients.</param>
    /// <param name="reason">Its words.</param>
    public void NoteUnfit(ShieldOptions options, string reason)
    {
        lock (_gate)
            _unfit.Add(options);
        Tell(options, reason);
    }

    /// <summary>A session can't be kept, and an operator can change that: told once until a reload.</summary>
    public void Tell(ShieldOptions options, string reason)
    {
        bool isNew;
        lock (_gate)
            isNew = _told.Add(options);
        if (isNew)
            Log.NotReused(log, destination.Name, reason);
    }

    private bool TryKeep(KeptSession session)
    {
        lock (_gate)
        {
            var isPressed = destination.Stress.State.Level != StressLevel.None;
            if (_isClosed || !MayStay(session) || time.GetElapsedTime(session.Reuse.OpenedAt) >= session.Reuse.LongestAge
                || !destination.Slots.TryPark(session.Slot, isPressed))
            {
                return false;
            }

            session.KeptAt = time.GetTimestamp();
            _kept.Add(session);
            _count = _kept.Count;
            Arm();
            return true;
        }
    }

    private bool MayStay(KeptSession session) => !destination.IsDrained && session.Reuse.IsInForce
        && (session.Address is not { } address || destination.Addresses?.Contains(address) != false);

    private bool IsInTime(KeptSession session) => DueOf(session) > TimeSpan.Zero;

    private TimeSpan DueOf(KeptSession session)
    {
        var idle = Idle - time.GetElapsedTime(session.KeptAt);
        var age = session.Reuse.LongestAge - time.GetElapsedTime(session.Reuse.OpenedAt);
        return idle < age ? idle : age;
    }

    private void GiveUp(Predicate<KeptSession> isOver)
    {
        List<KeptSession>? over = null;
        lock (_gate)
        {
            _kept.RemoveAll(session =>
            {
                if (!isOver(session))
                    return false;
                (over ??= []).Add(session);
                return true;
            });
            _count = _kept.Count;
            Arm();
        }

        foreach (var session in over ?? [])
            session.Quit();
    }

    private void Arm()
    {
        if (_kept.Count == 0)
        {
            _timer?.Dispose();
            _timer = null;
            return;
        }

        // Timers count milliseconds, and drop the rest.
        var due = TimeSpan.FromMilliseconds(Math.Max(0, Math.Floor(_kept.Min(DueOf).TotalMilliseconds)) + 1);
        if (_timer is null)
            _timer = time.CreateTimer(static kept => ((KeptSessions)kept!).GiveUpLate(), this, due, Timeout.InfiniteTimeSpan);
        else
            _timer.Change(due, Timeout.InfiniteTimeSpan);
    }

    private void GiveUpLate() => GiveUp(session => !IsInTime(session));

    private static partial class Log
    {
        [LoggerMessage(1608, LogLevel.Warning, "sessions with upstream {Destination} are not reused: {Reason}", EventName = "SessionsNotReused")]
        public static partial void NotReused(ILogger logger, string destination, string reason);
    }
}
