namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>
/// The store's rules for one client, as <c>exchange.lua</c> and <c>InMemorySharedStore</c> have them, small enough to be copied at every step. Each change of a
/// total is news.
/// </summary>
internal sealed class ModelStore
{
    // Owners and numbers there may be in a run, by themselves; number 0: there is none.
    private const int Most = 10;

    private ModelMember[] _members = new ModelMember[Most];
    private ModelField[] _fields = new ModelField[Most];
    private int _epoch;
    private int _deaths;
    private int _lastNumber;
    private bool _isRecorded;
    private int _counted;
    private int _window;
    private int _news;

    /// <summary>What all members have.</summary>
    public int Open { get; private set; }

    /// <summary>What all have counted in the window.</summary>
    public int Rate { get; private set; }

    public ModelStore Copy() => new()
    {
        _members = [.. _members], _fields = [.. _fields], _epoch = _epoch, _deaths = _deaths, _lastNumber = _lastNumber, _isRecorded = _isRecorded,
        _counted = _counted, _window = _window, _news = _news, Open = Open, Rate = Rate,
    };

    public void Write(ModelKey key)
    {
        key.Add(_epoch, _deaths, _lastNumber, _isRecorded ? 1 : 0, _counted, _window, _news, Open, Rate);
        for (var i = 0; i < Most; i++)
        {
            if (_members[i] is { Number: > 0 } member)
                key.Add(i, member.Number, member.Sequence, member.Told, member.IsAlive ? 1 : 0);
            if (_fields[i] is { Window: > 0 } field)
                key.Add(i, field.Window, field.Open, field.Rate);
        }
    }

    /// <summary>It is empty.</summary>
    public void Flush()
    {
        (_members, _fields) = (new ModelMember[Most], new ModelField[Most]);
        (_epoch, _deaths, _lastNumber, _isRecorded, _counted, _window, _news, Open, Rate) = (0, 0, 0, false, 0, 0, 0, 0, 0);
    }

    /// <summary>Whether an owner's lease lasts.</summary>
    public bool IsAlive(int owner) => _members[owner].IsAlive;

    /// <summary>An owner's lease ends.</summary>
    public void End(int owner)
    {
        if (!IsAlive(owner))
            return;

        _members[owner] = _members[owner] with { IsAlive = false };
        _deaths++;
    }

    /// <summary>Totals are the sums of the fields.</summary>
    public bool AddsUp() => Open == _fields.Sum(static field => field.Open) && Rate == _fields.Sum(RateOf);

    /// <summary>What an owner has in the record.</summary>
    public (int Open, int Rate) FieldOf(int owner, int window) =>
        _fields[_members[owner].Number] is var field ? (field.Open, _window == window ? RateOf(field) : 0) : default;

    /// <summary>A call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="now">The number of this call, of all.</param>
    /// <param name="window">The window there is now.</param>
    /// <param name="fault">The rule that is left out.</param>
    public ModelAnswer Take(ModelCall call, int now, int window, ModelFault fault)
    {
        if (_epoch == 0)
            _epoch = now;
        var member = _members[call.Owner];
        var isKnown = member.Number > 0;
        if (isKnown && call.Sequence <= member.Sequence)
            return new(true, 0, 0, false, 0, 0, false, 0, 0);

        var isBack = isKnown
            && ((member.Sequence < call.Acknowledged && fault != ModelFault.NoGapCheck) || (!member.IsAlive && fault != ModelFault.NoAskingAfterDeath));
        var told = !isKnown ? call.Told + 1 : isBack ? Math.Max(member.Told, call.Told) + 1 : member.Told;
        var number = isKnown && !(isBack && fault == ModelFault.NumberAtEachJoin) ? member.Number : ++_lastNumber;
        var asks = call.Epoch != _epoch || (fault == ModelFault.AskedOnce ? !isKnown || isBack : told != call.Told);
        _members[call.Owner] = new(number, call.Sequence, told, IsAlive: true);
        // Who is asked for everything may have heard what is not there any more.
        var isNews = _isRecorded && _news > ((fault == ModelFault.NewsOnce ? call.Epoch != _epoch : asks) ? 0 : call.Cursor);
        if (_isRecorded && _counted != _deaths && (call.Reports || isNews))
            Recount(fault);
        if (call.Reports)
            Report(call, number, now, window, fault);

        var own = _fields[number];
        return new(false, _epoch, told, asks, _deaths, now, call.Reports || isNews, Open - own.Open, window == _window ? Rate - RateOf(own) : 0);
    }

    private void Report(ModelCall call, int number, int now, int window, ModelFault fault)
    {
        if (!_isRecorded)
            (_isRecorded, _counted, _window) = (true, _deaths, window);
        if (_window != window)
            (_window, Rate) = (window, 0);

        var (open, rate, before) = (Open, Rate, _fields[number]);
        var field = fault == ModelFault.Differences
            ? new ModelField(window, before.Open + call.Open, RateOf(before) + call.Rate)
            : new ModelField(window, call.Open, call.Rate);
        (Open, Rate) = (Open + field.Open - before.Open, Rate + field.Rate - RateOf(before));
        _fields[number] = field is { Open: 0, Rate: 0 } ? default : field;
        if ((open, rate) != (Open, Rate))
            _news = now;
    }

    private void Recount(ModelFault fault)
    {
        _counted = _deaths;
        if (fault == ModelFault.NoReaping)
            return;
        for (var number = 0; number < Most; number++)
        {
            if (!Array.Exists(_members, member => member.Number == number && member.IsAlive))
                _fields[number] = _fields[number] with { Open = 0 };
        }

        Open = _fields.Sum(static field => field.Open);
    }

    private int RateOf(ModelField field) => field.Window == _window ? field.Rate : 0;
}
