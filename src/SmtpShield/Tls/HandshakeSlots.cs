using SmtpShield.Clients;

namespace SmtpShield.Tls;

/// <summary>
/// The handshakes of a service under way at the same time, kept below <c>shield_tls_handshake_limit</c> and shared fairly (<see cref="ClientShares"/>). When no
/// place is free, a newcomer gets that of the client that has been silent for the longest, if that is at least <see cref="Patience"/>: silent is who owes its
/// ClientHello.
/// </summary>
/// <remarks>Each step is O(1), under one lock.</remarks>
internal sealed class HandshakeSlots(TimeProvider time)
{
    /// <summary>How long a client may owe its ClientHello when others find no place. It needs a round trip.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly ClientShares _shares = new();

    // Silent ones, in the order in which their silence began.
    private HandshakeSlot? _oldest;
    private HandshakeSlot? _newest;

    /// <summary>Takes a place.</summary>
    /// <param name="client">For whom.</param>
    /// <param name="most">
    /// How many it may hold whatever its share is, this one included; null: as many as there are, without a share. Asked under the lock: a handshake that is
    /// counted elsewhere before it gives its place back is seen there or here.
    /// </param>
    /// <param name="limit">How many there are.</param>
    /// <param name="refusal">Why there is none.</param>
    /// <returns>The place, given back by disposing it; null: there is none for this client.</returns>
    public HandshakeSlot? TryEnter(ClientRange client, Func<int?> most, int limit, out HandshakeRefusal refusal)
    {
        lock (_gate)
        {
            if (most() is { } own && (_shares.HeldBy(client) >= own || !_shares.MayTake(client, limit - _shares.Taken)))
            {
                refusal = _shares.Taken < limit ? HandshakeRefusal.ShareTaken : HandshakeRefusal.LimitReached;
                return null;
            }

            while (_shares.Taken >= limit && RevokeOldest())
            {
                // One is enough, unless the limit was lowered.
            }

            if (_shares.Taken >= limit)
            {
                refusal = HandshakeRefusal.LimitReached;
                return null;
            }

            var slot = new HandshakeSlot(this, client) { Place = { IsTaken = true } };
            _shares.Take(client);
            Append(slot);
            refusal = HandshakeRefusal.None;
            return slot;
        }
    }

    /// <summary>Places that are taken.</summary>
    public int Taken
    {
        get
        {
            lock (_gate)
                return _shares.Taken;
        }
    }

    /// <summary>Places a client holds.</summary>
    public int HeldBy(ClientRange client)
    {
        lock (_gate)
            return _shares.HeldBy(client);
    }

    /// <summary>Who holds most of them, for a log line.</summary>
    public string DescribeLargest(int count)
    {
        lock (_gate)
            return _shares.DescribeLargest(count);
    }

    /// <summary>See <see cref="HandshakeSlot.TryBegin"/>.</summary>
    public bool TryBegin(HandshakeSlot slot, CancellationTokenSource revoked)
    {
        lock (_gate)
        {
            if (!slot.Place.IsTaken)
                return false;

            Unlink(slot);
            Append(slot);
            slot.Place.Revoked = revoked;
            return true;
        }
    }

    /// <summary>See <see cref="HandshakeSlot.NoteHello"/>.</summary>
    public void NoteHello(HandshakeSlot slot)
    {
        lock (_gate)
            Unlink(slot);
    }

    /// <summary>See <see cref="HandshakeSlot.Dispose"/>.</summary>
    public void Leave(HandshakeSlot slot)
    {
        lock (_gate)
            GiveBack(slot);
    }

    private bool RevokeOldest()
    {
        if (_oldest is not { } slot || time.GetElapsedTime(slot.Place.SilentSince) < Patience)
            return false;

        // Its callbacks run on the pool. It can't be disposed: that is behind the slot's own disposal, which waits for this lock.
        _ = slot.Place.Revoked?.CancelAsync();
        GiveBack(slot);
        return true;
    }

    private void GiveBack(HandshakeSlot slot)
    {
        if (!slot.Place.IsTaken)
            return;

        Unlink(slot);
        _shares.GiveBack(slot.Client);
        slot.Place = default;
    }

    private void Append(HandshakeSlot slot)
    {
        ref var place = ref slot.Place;
        (place.IsSilent, place.SilentSince, place.Older, place.Newer) = (true, time.GetTimestamp(), _newest, null);
        if (_newest is null)
            _oldest = slot;
        else
            _newest.Place.Newer = slot;
        _newest = slot;
    }

    private void Unlink(HandshakeSlot slot)
    {
        ref var place = ref slot.Place;
        if (!place.IsSilent)
            return;

        if (place.Older is null)
            _oldest = place.Newer;
        else
            place.Older.Place.Newer = place.Newer;
        if (place.Newer is null)
            _newest = place.Older;
        else
            place.Newer.Place.Older = place.Older;
        (place.IsSilent, place.Older, place.Newer) = (false, null, null);
    }

    /// <summary>What is known of a slot; changed under the lock alone.</summary>
    internal struct Place
    {
        /// <summary>The slot is one of the places; not behind its disposal, or when it was revoked.</summary>
        public bool IsTaken;

        /// <summary>The ClientHello is owed: the slot is among the silent ones.</summary>
        public bool IsSilent;

        /// <summary>Since when; a timestamp.</summary>
        public long SilentSince;

        /// <summary>The silent one before it.</summary>
        public HandshakeSlot? Older;

        /// <summary>The silent one behind it.</summary>
        public HandshakeSlot? Newer;

        /// <summary>Ends the handshake when the place is taken away; null until it begins.</summary>
        public CancellationTokenSource? Revoked;
    }
}
