namespace SmtpShield.Limits.Shared;

/// <summary>
/// What the table asks while counts are shared over a partition of a store: which services, with which limits, and whether others are to be believed.
/// </summary>
/// <param name="waits">How many events were to wait.</param>
internal sealed class SharedRules(SharedWaitTotals waits)
{
    private volatile SharedLimits?[] _limits = [];
    private volatile bool _isAnswered;

    /// <summary>Whether connections others have open are still believed: not when the store has been away for a lease.</summary>
    public bool KnowsOpen { get; set; } = true;

    /// <summary>Whether the store has answered the last exchange in time: only then it is waited for.</summary>
    public bool IsAnswered
    {
        get => _isAnswered;
        set => _isAnswered = value;
    }

    /// <summary>How many events were to wait.</summary>
    public SharedWaitTotals Waits => waits;

    /// <summary>Set when an exchange is to begin as soon as it can.</summary>
    public SharedSignal Hurry { get; } = new();

    /// <summary>The limits of a service, by its number in records; null: it is not shared.</summary>
    public SharedLimits? this[byte service]
    {
        get
        {
            var limits = _limits;
            return service < limits.Length ? limits[service] : null;
        }
    }

    /// <summary>Takes other limits.</summary>
    /// <param name="limits">By the number of the service; null: it is not shared.</param>
    public void Use(SharedLimits?[] limits) => _limits = limits;
}
