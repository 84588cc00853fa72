using SmtpShield.Clients;

namespace SmtpShield.Mta.Slots;

/// <summary>
/// What client ranges are known for: the MTA has accepted mail of theirs lately, which buys service in bad times, or they had to be parted from a session, or
/// made too many errors. What was known before the program started, or in another one, is not known here.
/// </summary>
/// <remarks>
/// Safe for use by several threads. Two tables of 65,536 ranges, 26 octets each; in each of them the range noted least recently goes first. A step takes some
/// hundred nanoseconds.
/// </remarks>
/// <param name="time">The clock.</param>
internal sealed class KnownClients(TimeProvider time)
{
    /// <summary>How long an accepted message speaks for its range.</summary>
    public static readonly TimeSpan GoodFor = TimeSpan.FromHours(1);

    /// <summary>How long bad behaviour speaks against it.</summary>
    public static readonly TimeSpan BadFor = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly RecentRanges _good = new();
    private readonly RecentRanges _bad = new();
    private readonly long _startedAt = time.GetTimestamp();

    /// <summary>
    /// What a range is known for: good with a message accepted within <see cref="GoodFor"/> and no more commands refused than accepted, bad if it behaved so
    /// within <see cref="BadFor"/> and is not good, else unknown. Never exempt: that is a list's to say.
    /// </summary>
    public ClientStanding StandingOf(in ClientRange range)
    {
        lock (_gate)
        {
            var now = Now;
            if (IsGood(range, now))
                return ClientStanding.Good;
            return _bad.TryFind(range, out var bad) && IsWithin(_bad.At(bad).NotedAt, BadFor, now) ? ClientStanding.Bad : ClientStanding.Unknown;
        }
    }

    /// <summary>The MTA has accepted a message of a range.</summary>
    /// <param name="range">Whose.</param>
    /// <param name="accepted">Commands of the session that were accepted, those of this message included, and not told of before.</param>
    /// <param name="refused">The same for refused ones.</param>
    /// <returns>Whether the range is good from now on, and was not before: its waiters are to be told (<see cref="MtaSlots.Promote"/>).</returns>
    public bool NoteMessage(in ClientRange range, int accepted, int refused)
    {
        lock (_gate)
        {
            var now = Now;
            var wasGood = IsGood(range, now);
            ref var entry = ref _good.At(_good.Note(range));
            entry.NotedAt = now;
            entry.Outcomes.Add(accepted, refused, now);
            return !wasGood && entry.Outcomes.AreGood(now);
        }
    }

    /// <summary>
    /// The MTA has answered further commands of a range. Of one without an accepted message nothing is kept: what it had refused is told with its first one.
    /// </summary>
    /// <param name="range">Whose.</param>
    /// <param name="accepted">How many were accepted.</param>
    /// <param name="refused">How many were refused.</param>
    public void NoteCommands(in ClientRange range, int accepted, int refused)
    {
        lock (_gate)
        {
            if (_good.TryFind(range, out var index))
                _good.At(index).Outcomes.Add(accepted, refused, Now);
        }
    }

    /// <summary>A session of a range had to be ended for others' sake (<see cref="SlotDemand.End"/>), or made too many errors.</summary>
    /// <returns>Whether the range is bad from now on, and was not before: its waiters are to be told (<see cref="MtaSlots.Demote"/>).</returns>
    public bool NoteBad(in ClientRange range)
    {
        lock (_gate)
        {
            var now = Now;
            var wasBad = _bad.TryFind(range, out var known) && IsWithin(_bad.At(known).NotedAt, BadFor, now);
            _bad.At(_bad.Note(range)).NotedAt = now;
            return !wasBad && !IsGood(range, now);
        }
    }

    private bool IsGood(in ClientRange range, uint now) =>
        _good.TryFind(range, out var index) && IsWithin(_good.At(index).NotedAt, GoodFor, now) && _good.At(index).Outcomes.AreGood(now);

    private static bool IsWithin(uint notedAt, TimeSpan span, uint now) => now - notedAt < (uint)span.TotalSeconds;

    // Of the monotonic clock: nobody moves it. 136 years.
    private uint Now => (uint)time.GetElapsedTime(_startedAt).TotalSeconds;
}
