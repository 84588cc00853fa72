namespace SmtpShield.Tls;

/// <summary>The handshakes of a service under way at the same time, kept below <c>shield_tls_handshake_limit</c>.</summary>
internal sealed class HandshakeSlots
{
    private int _taken;

    /// <summary>Takes a place for one.</summary>
    /// <returns>The place, given back by disposing it; null above the limit.</returns>
    public HandshakeSlot? TryEnter(int limit)
    {
        if (Interlocked.Increment(ref _taken) <= limit)
            return new(this);

        Interlocked.Decrement(ref _taken);
        return null;
    }

    /// <summary>One is over.</summary>
    public void Leave() => Interlocked.Decrement(ref _taken);
}
