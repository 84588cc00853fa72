namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>Two shields, one client and one store at some moment, and what may happen next.</summary>
internal sealed class ModelState
{
    private const int Shields = 2;
    private const int RoundsUntilExact = 3;

    private readonly ModelFault _fault;
    private ModelBudget _left;
    private ModelStore _store = new();
    private ModelStore? _replica;
    private ModelShield[] _shields;
    private List<int> _dead = [];
    private int _now;
    private int _window = 1;
    private int _lastOwner = Shields;
    private int _counted;

    public ModelState(ModelBudget budget, ModelFault fault)
    {
        (_left, _fault) = (budget, fault);
        _shields = [.. Enumerable.Range(1, Shields).Select(owner => new ModelShield { Owner = owner, Exchanges = budget.Exchanges })];
    }

    /// <summary>How it came here, the last step first.</summary>
    public (string Step, ModelState From)? Before { get; private set; }

    public string Story => Before is { } before ? $"{before.From.Story}, {before.Step}" : "start";

    public string Key()
    {
        var key = new ModelKey();
        key.Add(_left.Events, _left.Losses, _left.Late, _left.Crashes, _left.FalseDeaths, _left.Flushes, _left.Failovers, _left.Windows);
        key.Add(_now, _window, _counted);
        _store.Write(key);
        key.Add(_replica is null ? -1 : 1);
        _replica?.Write(key);
        foreach (var shield in _shields)
            shield.Write(key);
        key.Add([.. _dead]);
        return key.ToString();
    }

    /// <summary>All states one step on.</summary>
    public IEnumerable<ModelState> Next()
    {
        for (var i = 0; i < Shields; i++)
        {
            foreach (var next in NextOf(i))
                yield return next;
        }

        foreach (var owner in _dead.Where(_store.IsAlive))
            yield return Step($"the lease of {owner} ends", next => next._store.End(owner));
        if (_left.Flushes > 0)
            yield return Step("flush", next => next._store.Flush(), _left with { Flushes = _left.Flushes - 1 });
        if (_left.Failovers > 0 && _replica is null)
            yield return Step("the replica has heard this last", next => next._replica = next._store.Copy());
        if (_left.Failovers > 0 && _replica is not null)
            yield return Step("failover", static next => (next._store, next._replica) = (next._replica!, null), _left with { Failovers = _left.Failovers - 1 });
        if (_left.Windows > 0 && Array.TrueForAll(_shields, static shield => !shield.IsBusy && shield.Late is null))
        {
            yield return Step(
                "the window ends", static next => (next._window, next._counted) = (next._window + 1, 0), _left with { Windows = _left.Windows - 1 });
        }
    }

    /// <summary>What is wrong here; null: nothing.</summary>
    public string? Violation()
    {
        if (!_store.AddsUp())
            return "totals are not the sums";
        if (_store.Rate > _counted && _window == 1)
            return $"{_store.Rate} events are counted, and {_counted} have happened";

        var later = Copy();
        return later.Rest();
    }

    // Faults stop: three exchanges of each make all exact, without a refresh.
    private string? Rest()
    {
        foreach (var shield in _shields)
        {
            shield.Late = null;
            if (shield.IsBusy)
                shield.GiveUp();
        }

        foreach (var owner in _dead)
            _store.End(owner);
        for (var round = 0; round < RoundsUntilExact; round++)
        {
            foreach (var shield in _shields)
            {
                shield.Send(_window, _fault);
                shield.Arrived(_store.Take(shield.OnItsWay!, ++_now, _window, _fault));
                shield.Apply(_window, _fault);
            }
        }

        foreach (var shield in _shields)
        {
            var other = Array.Find(_shields, one => one != shield)!;
            if (_store.FieldOf(shield.Owner, _window) != (shield.Open, shield.RateIn(_window)))
                return $"{shield.Owner} has {shield.Open} and {shield.RateIn(_window)}, the store {_store.FieldOf(shield.Owner, _window)} of it";
            if (shield.OthersOpen != other.Open)
                return $"{shield.Owner} takes {shield.OthersOpen} to be open elsewhere, {other.Open} are";
            if (shield.OthersRateIn(_window) < other.RateIn(_window) || shield.OthersRateIn(_window) + shield.RateIn(_window) > _counted)
                return $"{shield.Owner} takes {shield.OthersRateIn(_window)} to be counted elsewhere, {other.RateIn(_window)} are of {_counted}";
        }

        return null;
    }

    private IEnumerable<ModelState> NextOf(int i)
    {
        var shield = _shields[i];
        if (_left.Events > 0)
            yield return Step($"{shield.Owner} connect", next => next.Connect(i), _left with { Events = _left.Events - 1 });
        if (shield.Open > 0)
            yield return Step($"{shield.Owner} close", next => next._shields[i].Close());
        if (!shield.IsBusy && shield.Exchanges > 0)
            yield return Step($"{shield.Owner} sends", next => next._shields[i].Send(_window, _fault));
        if (shield.OnItsWay is { } call)
            yield return Step($"{shield.Owner} arrives", next => next._shields[i].Arrived(next._store.Take(call, ++next._now, _window, _fault)));
        if (shield.Answer is not null)
            yield return Step($"{shield.Owner} is answered", next => next._shields[i].Apply(_window, _fault));
        if (shield.IsBusy && _left.Losses > 0)
            yield return Step($"{shield.Owner} gives up", next => next._shields[i].GiveUp(), _left with { Losses = _left.Losses - 1 });
        if (shield.OnItsWay is { } slow && _left.Late > 0)
            yield return Step($"{shield.Owner} gives up what comes late", next => next.GiveUp(i, slow), _left with { Late = _left.Late - 1 });
        if (shield.Late is { } late)
            yield return Step($"{late.Owner} arrives late", next => next.ArriveLate(i, late));
        if (_left.Crashes > 0)
            yield return Step($"{shield.Owner} is killed", next => next.Crash(i), _left with { Crashes = _left.Crashes - 1 });
        if (_left.FalseDeaths > 0 && _store.IsAlive(shield.Owner))
            yield return Step($"{shield.Owner} is taken for dead", next => next._store.End(shield.Owner), _left with { FalseDeaths = _left.FalseDeaths - 1 });
    }

    private ModelState Step(string step, Action<ModelState> change, ModelBudget? left = null)
    {
        var next = Copy();
        next.Before = (step, this);
        next._left = left ?? _left;
        change(next);
        return next;
    }

    private ModelState Copy() => new(_left, _fault)
    {
        _store = _store.Copy(), _replica = _replica?.Copy(), _shields = Array.ConvertAll(_shields, static shield => shield.Copy()), _dead = [.. _dead],
        _now = _now, _window = _window, _lastOwner = _lastOwner, _counted = _counted,
    };

    private void Connect(int i)
    {
        _shields[i].Connect(_window);
        _counted++;
    }

    private void GiveUp(int i, ModelCall call)
    {
        _shields[i].GiveUp();
        _shields[i].Late = call;
    }

    private void ArriveLate(int i, ModelCall call)
    {
        _shields[i].Late = null;
        _store.Take(call, ++_now, _window, _fault);
    }

    private void Crash(int i)
    {
        _dead.Add(_shields[i].Owner);
        _shields[i] = new() { Owner = ++_lastOwner, Exchanges = _shields[i].Exchanges, Late = _shields[i].OnItsWay };
    }
}
