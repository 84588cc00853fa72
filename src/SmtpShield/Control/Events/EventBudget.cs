namespace SmtpShield.Control.Events;

/// <summary>How many events of a kind leave in a second; the rest is counted. From any thread, without waiting.</summary>
/// <param name="most">Events a second.</param>
internal sealed class EventBudget(int most)
{
    private int _taken;

    /// <summary>Takes one, if there is one left.</summary>
    public bool TryTake() => Interlocked.Increment(ref _taken) <= most;

    /// <summary>Begins the next second.</summary>
    /// <returns>How many were asked for in vain in this one.</returns>
    public int Renew() => Math.Max(0, Interlocked.Exchange(ref _taken, 0) - most);
}
