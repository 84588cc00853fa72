namespace SmtpShield.Limits;

/// <summary>The largest value since the last report, whose it was and when it came first.</summary>
internal sealed class AnvilPeak(TimeProvider time)
{
    private readonly Lock _gate = new();
    private volatile int _value;
    private AnvilKey _key;
    private DateTimeOffset _at;

    /// <summary>Whether a value would be the largest one.</summary>
    public bool IsBelow(int value) => value > _value;

    /// <summary>Notes a value. Only a strictly greater one replaces that before, so the first occurrence stays (anvil.c).</summary>
    public void Note(int value, in AnvilKey key)
    {
        if (value <= _value)
            return;

        lock (_gate)
        {
            if (value <= _value)
                return;
            (_value, _key, _at) = (value, key, time.GetUtcNow());
        }
    }

    /// <summary>Takes the peak; the next one starts at 0.</summary>
    /// <returns>Its value, 0 when nothing was noted; whose it was; and when it came, UTC.</returns>
    public (int Value, AnvilKey Key, DateTimeOffset At) Take()
    {
        lock (_gate)
        {
            var peak = (_value, _key, _at);
            _value = 0;
            return peak;
        }
    }
}
