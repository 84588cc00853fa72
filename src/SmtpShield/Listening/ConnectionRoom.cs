namespace SmtpShield.Listening;

/// <summary>
/// The connections of all services together, from accept until the socket is closed: no more than the process has descriptors and memory for. Sessions are
/// bounded by <see cref="SessionCapacity"/> already; here are also those that are just closing, and those of a service whose limit a reload has lowered.
/// </summary>
internal sealed class ConnectionRoom
{
    private readonly SessionCapacity _capacity;
    private readonly Places _places;
    private int _closing;
    private bool _isPaused;

    /// <summary>With as many connections as fit.</summary>
    public ConnectionRoom(SessionCapacity capacity)
    {
        _capacity = capacity;
        _places = new(() => IsPaused ? 0 : capacity.Bound.Connections);
    }

    /// <summary>Whether no further connection is accepted, however many there are.</summary>
    public bool IsPaused => Volatile.Read(ref _isPaused);

    /// <summary>No further connection is accepted until <see cref="TryResume"/>.</summary>
    /// <returns>Whether it was otherwise before.</returns>
    public bool TryPause() => !Interlocked.Exchange(ref _isPaused, true);

    /// <summary>Connections are accepted again, as far as there is room.</summary>
    /// <returns>Whether it was otherwise before.</returns>
    public bool TryResume()
    {
        if (!Interlocked.Exchange(ref _isPaused, false))
            return false;

        _places.BoundChanged();
        return true;
    }

    /// <summary>Completes when a listener may accept.</summary>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public Task WaitForRoomAsync(CancellationToken cancellationToken) => _places.WaitForRoomAsync(cancellationToken);

    /// <summary>Counts an accepted connection until the place is disposed; where another listener took the last place, waits for the next.</summary>
    /// <exception cref="OperationCanceledException">It is no longer wanted.</exception>
    public async ValueTask<Place> TakeAsync(CancellationToken cancellationToken)
    {
        await _places.TakeAsync(cancellationToken);
        return new Place(this);
    }

    /// <summary>Whether one more connection may wait for its client to close; then <see cref="LeaveClosing"/> is due.</summary>
    public bool TryEnterClosing()
    {
        if (Interlocked.Increment(ref _closing) <= _capacity.Bound.Closing)
            return true;

        LeaveClosing();
        return false;
    }

    /// <summary>A connection no longer waits.</summary>
    public void LeaveClosing() => Interlocked.Decrement(ref _closing);

    /// <summary>One counted connection.</summary>
    public sealed class Place(ConnectionRoom room) : IDisposable
    {
        private ConnectionRoom? _room = room;

        /// <summary>Counts it no longer; only the first call does anything.</summary>
        public void Dispose() => Interlocked.Exchange(ref _room, null)?._places.Return();
    }
}
