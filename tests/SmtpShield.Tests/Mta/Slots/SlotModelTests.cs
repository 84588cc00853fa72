using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>What happens to the structure and to a model of its rules is the same, step by step.</summary>
public class SlotModelTests
{
    private const int Steps = 5000;

    private Random _random = null!;
    private TestSlots _slots = null!;
    private SlotModel _model = null!;
    private Dictionary<SlotModel.Party, Session> _sessions = null!;

    [Test]
    public void Steps_AtRandom_AreThoseOfTheModel([Range(1, 24)] int seed)
    {
        _random = new(seed);
        var limit = _random.Next(1, 30);
        var terms = new SlotTerms(limit, _random.Next(limit), _random.Next(3) * 15);
        _slots = new(terms.Limit, terms.Reserve, terms.ClientShare);
        _model = new(terms);
        _sessions = [];
        for (var step = 0; step < Steps; step++)
        {
            var what = Step();
            if (_random.Next(20) == 0)
                _slots.Time.Advance(TimeSpan.FromMilliseconds(_random.Next(600)));
            Assert.That(Found(), Is.EqualTo(Expected()), $"seed {seed}, step {step}: {what}");
        }

        foreach (var party in _sessions.Keys.ToList())
            End(party);
        Assert.That((_slots.Slots.Used, _slots.Slots.Waiting, _slots.Slots.Ranges), Is.EqualTo((0, 0, 0)));
    }

    private string Step()
    {
        // A dozen ranges, of which some are busier than others; now and then the queue runs dry.
        var client = Math.Min(_random.Next(12), _random.Next(12));
        var standing = (ClientStanding)_random.Next(OfStandings<int>.Count);
        switch (_random.Next(20))
        {
            case < 4:
                var taken = _slots.TryTake(client, standing);
                if (_model.TryTake(client, standing) is { } holder)
                    _sessions.Add(holder, new(taken, null));
                else if (taken is not null)
                    return $"{client} took a slot";
                return $"{client} takes as {standing}";
            case < 10:
                var waiter = _slots.Wait(client, standing);
                _sessions.Add(_model.Wait(client, standing), new(null, waiter));
                return $"{client} waits as {standing}";
            case < 16 when _model.Holders.Count > 0:
                return End(Any(_model.Holders));
            case < 17 when _model.Waiters.Count > 0:
                return End(Any(_model.Waiters));
            case < 18:
                _slots.Slots.Promote(TestSlots.Range(client));
                _model.Reclassify(client, ClientStanding.Good);
                return $"{client} is good";
            case < 19:
                _slots.Slots.Demote(TestSlots.Range(client));
                _model.Reclassify(client, ClientStanding.Bad);
                return $"{client} is bad";
            default:
                var limit = _random.Next(1, 30);
                _model.Terms = new(limit, _random.Next(limit), _model.Terms.ClientShare);
                _slots.Slots.Terms = _model.Terms;
                _model.Grant();
                return $"{_model.Terms}";
        }
    }

    private SlotModel.Party Any(List<SlotModel.Party> parties) => parties[_random.Next(parties.Count)];

    private string End(SlotModel.Party party)
    {
        _sessions.Remove(party, out var session);
        (session!.Taken ?? session.Waiter!.Leave())?.Dispose();
        _model.Leave(party);
        return $"{party.Client} ends";
    }

    private string Found() => Describe(
        _sessions.Select(static session => (session.Key, (session.Value.Taken ?? session.Value.Waiter!.Granted)?.Standing)),
        _slots.Slots.Used,
        _slots.Slots.Waiting);

    private string Expected() => Describe(
        _sessions.Keys.Select(party => (party, _model.Holders.Contains(party) ? party.Standing : (ClientStanding?)null)),
        _model.Holders.Count,
        _model.Waiters.Count);

    private static string Describe(IEnumerable<(SlotModel.Party Party, ClientStanding? Standing)> sessions, int used, int waiting)
    {
        var held = sessions.Where(static session => session.Standing is not null);
        return $"{used} used, {waiting} wait: "
            + $"{string.Join(' ', held.Select(static session => $"{session.Party.Client}/{session.Party.Arrived}/{session.Standing}"))}";
    }

    private sealed record Session(Slot? Taken, SlotWaiter? Waiter);
}
