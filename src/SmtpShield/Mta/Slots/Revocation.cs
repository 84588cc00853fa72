namespace SmtpShield.Mta.Slots;

/// <summary>
/// Keeps the sessions of a service's destinations turning while others wait for them: says which of those who hold one is asked for it. First those that can
/// give it back without their client noticing, as soon as anybody waits; when somebody has waited for <see cref="LongWaits.Patience"/>, also those whose client
/// is silent for <see cref="Silence"/>, then those whose content is slow. Of each kind bad clients before unknown ones before known good ones, then who does so
/// for the longest; one for each waiter that would be helped, at whichever of its destinations.
/// </summary>
/// <remarks>
/// It looks when it is called: when a waiter comes, when a holder has become <see cref="SlotUse.Releasable"/> while others wait, and each
/// <see cref="LongWaits.Step"/> as long as somebody waits. Costs as many steps as there are sessions in use, most of them outside of the destinations' locks.
/// </remarks>
/// <param name="time">The clock.</param>
internal sealed class Revocation(TimeProvider time)
{
    /// <summary>How long a client whose turn it is may keep others waiting: Postfix's <c>smtpd_timeout</c> under stress.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    /// <summary>The same for known good clients.</summary>
    public static readonly TimeSpan SilenceOfGood = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly List<Slot> _holders = [];

    // With copies of what the holders say: they go on saying it while these are sorted.
    private readonly List<Candidate> _candidates = [];

    /// <summary>How long a client of this standing may keep others waiting.</summary>
    public static TimeSpan PatienceWith(ClientStanding standing) => SlotQueue.IsGood(standing) ? SilenceOfGood : Silence;

    /// <summary>Asks those who are to give up what they hold.</summary>
    /// <param name="destinations">Those of the service.</param>
    /// <returns>How many were asked.</returns>
    public int Look(ReadOnlySpan<MtaSlots> destinations)
    {
        lock (_gate)
        {
            var (waiting, longWaiting) = (0, 0);
            foreach (var slots in destinations)
                slots.CountInWant(_holders, ref waiting, ref longWaiting);
            var asked = waiting > 0 ? FindCandidates() : 0;
            var before = asked;
            foreach (var candidate in _candidates)
            {
                if (asked >= (candidate.Demand == SlotDemand.Release ? waiting : longWaiting))
                    break;

                candidate.Slot.Ask(candidate.Demand);
                asked++;
            }

            _holders.Clear();
            _candidates.Clear();
            return asked - before;
        }
    }

    // Those who were asked already count for those who wait: what they have is on its way.
    private int FindCandidates()
    {
        var asked = 0;
        var now = time.GetTimestamp();
        foreach (var slot in _holders)
        {
            if (slot.Demand != SlotDemand.None)
                asked++;
            else if (slot.DemandAt(now) is not SlotDemand.None and var demand)
                _candidates.Add(new(slot, demand, slot.Use, slot.Standing, slot.Since));
        }

        _candidates.Sort();
        return asked;
    }

    private readonly record struct Candidate(Slot Slot, SlotDemand Demand, SlotUse Use, ClientStanding Standing, long Since) : IComparable<Candidate>
    {
        private (SlotUse, int, long) Order => (Use, -(int)Standing, Since);

        public int CompareTo(Candidate other) => Order.CompareTo(other.Order);
    }
}
