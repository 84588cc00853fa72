namespace SmtpShield.Limits;

/// <summary>
/// One connection's access to the counts of its client; a connection feature, absent for clients in <c>smtpd_client_event_limit_exceptions</c>. Counts the connection until it is
/// disposed.
/// </summary>
/// <remarks>Used by one session, so by one thread at a time.</remarks>
internal sealed class ClientCounter(AnvilTable anvil, AnvilKey key) : IDisposable
{
    private bool _isTracked;

    /// <summary>The service's name, as in <c>for service smtp</c>.</summary>
    public string Service => key.Service;

    /// <summary>Counts the connection, once: not again if an event has done so before. Not called at all as long as no limit is set.</summary>
    /// <returns>The client's counts, this connection included.</returns>
    public AnvilCounts Connect()
    {
        if (_isTracked)
            return anvil.Peek(key);

        var counts = anvil.Connect(key);
        _isTracked = !counts.IsUntracked;
        return counts;
    }

    /// <summary>Counts an event. A connection that could not be counted yet, because the table was full or no limit was set, is counted first.</summary>
    /// <returns>The client's events of this kind in the current window, this one included.</returns>
    public int Count(AnvilEvent kind) => _isTracked || !Connect().IsUntracked ? anvil.Count(key, kind) : 1;

    /// <summary>The client's events of a kind in the current window; counts nothing.</summary>
    public int Peek(AnvilEvent kind) => anvil.Peek(key).Of(kind);

    /// <summary>Ends the connection, if it was counted. Again: does nothing.</summary>
    public void Dispose()
    {
        if (!_isTracked)
            return;

        _isTracked = false;
        anvil.Disconnect(key);
    }
}
