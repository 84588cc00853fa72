namespace SmtpShield.Listening;

/// <summary>
/// The connections of all services together, from accept until the socket is closed: no more than the process has descriptors and memory for. Sessions are bounded by
/// <see cref="SessionCapacity"/> already; here are also those that are just closing, and those of a service whose limit a reload has lowered.
/// </summary>
internal sealed class ConnectionRoom(SessionCapacity capacity)
{
    private readonly Places _places = new(() => capacity.Bound.Connections);
    private int _closing;

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
        if (Interlocked.Increment(ref _closing) <= capacity.Bound.Closing)
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
