namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>A shield's rules for one client, as <c>CounterExchange</c> and <c>SharedTable</c> have them.</summary>
internal sealed class ModelShield
{
    private int _rate;
    private int _window;
    private int _othersRate;
    private int _othersWindow;
    private bool _isWaiting;
    private int _epoch;
    private int _told;
    private int _sequence;
    private int _acknowledged;
    private int _cursor;
    private int _deaths;
    private (int Open, int Rate) _answered;
    private ModelCall? _call;

    /// <summary>Who it is: each start is another one.</summary>
    public required int Owner { get; init; }

    /// <summary>Exchanges it may still make.</summary>
    public required int Exchanges { get; set; }

    /// <summary>Connections.</summary>
    public int Open { get; private set; }

    /// <summary>Connections others have, as far as it knows.</summary>
    public int OthersOpen { get; private set; }

    /// <summary>A call that has not arrived; null: none.</summary>
    public ModelCall? OnItsWay { get; private set; }

    /// <summary>An answer that has not arrived; null: none.</summary>
    public ModelAnswer? Answer { get; private set; }

    /// <summary>A call that was given up and is still on its way; null: none.</summary>
    public ModelCall? Late { get; set; }

    /// <summary>Whether an exchange is under way.</summary>
    public bool IsBusy => _call is not null;

    public ModelShield Copy() => (ModelShield)MemberwiseClone();

    /// <summary>What it has counted in the window.</summary>
    public int RateIn(int window) => _window == window ? _rate : 0;

    /// <summary>What others have, as far as it knows.</summary>
    public int OthersRateIn(int window) => _othersWindow == window ? _othersRate : 0;

    public void Write(ModelKey key)
    {
        key.Add(Owner, Exchanges, Open, _rate, _window, OthersOpen, _othersRate, _othersWindow, _isWaiting ? 1 : 0, _epoch, _told, _sequence, _acknowledged,
            _cursor, _deaths, _answered.Open, _answered.Rate);
        Write(key, _call);
        Write(key, OnItsWay);
        Write(key, Late);
        if (Answer is { } answer)
        {
            key.Add(answer.Epoch, answer.Told, answer.AsksForEverything ? 1 : 0, answer.Deaths, answer.Cursor);
            key.Add(answer.HasCounts ? 1 : 0, answer.Open, answer.Rate);
        }
    }

    public void Connect(int window)
    {
        if (_window != window)
            (_window, _rate) = (window, 0);
        (Open, _rate, _isWaiting) = (Open + 1, _rate + 1, true);
    }

    public void Close() => (Open, _isWaiting) = (Open - 1, true);

    public void Send(int window, ModelFault fault)
    {
        Exchanges--;
        var (open, rate) = (Open, RateIn(window));
        if (fault == ModelFault.Differences)
            (open, rate) = (open - _answered.Open, rate - _answered.Rate);
        _call = OnItsWay = new(Owner, ++_sequence, _acknowledged, _told, _epoch, _cursor, _isWaiting, open, rate);
        _isWaiting = false;
    }

    public void Arrived(ModelAnswer answer) => (OnItsWay, Answer) = (null, answer);

    /// <summary>No answer has come in time: the same is said again.</summary>
    public void GiveUp()
    {
        _isWaiting |= _call!.Reports;
        (_call, OnItsWay, Answer) = (null, null, null);
    }

    /// <summary>Takes the answer.</summary>
    public void Apply(int window, ModelFault fault)
    {
        var (call, answer) = (_call!, Answer!);
        if (answer.IsStale)
        {
            GiveUp();
            return;
        }

        (_call, Answer) = (null, null);
        if (answer.HasCounts)
            (OthersOpen, _othersRate, _othersWindow) = (answer.Open, answer.Rate, window);
        if (call.Reports && fault == ModelFault.Differences)
            _answered = (_answered.Open + call.Open, _answered.Rate + call.Rate);
        if (answer.AsksForEverything)
        {
            // Else, and when it has counted nothing, it has no record of the client.
            var hasOthers = OthersOpen > 0 || OthersRateIn(window) > 0;
            _isWaiting |= Open > 0 || RateIn(window) > 0 || (fault != ModelFault.OnlyWhatCounts && _window > 0 && !hasOthers)
                || (fault != ModelFault.OnlyItsOwn && OthersOpen > 0);
            _answered = (0, 0);
        }
        else if (answer.Deaths != _deaths)
        {
            _isWaiting |= OthersOpen > 0;
        }

        (_epoch, _told, _cursor, _deaths, _acknowledged) = (answer.Epoch, answer.Told, answer.Cursor, answer.Deaths, call.Sequence);
    }

    private static void Write(ModelKey key, ModelCall? call)
    {
        if (call is null)
            key.Add(-1);
        else
            key.Add(call.Owner, call.Sequence, call.Acknowledged, call.Told, call.Epoch, call.Cursor, call.Reports ? 1 : 0, call.Open, call.Rate);
    }
}
