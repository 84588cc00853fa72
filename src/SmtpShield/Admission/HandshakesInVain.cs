using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Admission;

/// <summary>
/// What clients have cost for nothing: handshakes they left unfinished, and those that ended with a refusal. A handshake takes the key, so a client
/// range gets <see cref="MostLeft"/> of the one kind and <see cref="MostTold"/> of the other in an <c>anvil_rate_time_unit</c>, counted from its first one. One
/// that finishes more handshakes than it leaves may have gone on.
/// </summary>
/// <remarks>
/// Bounded: <see cref="Capacity"/> ranges a service, of at most 128 octets each; the oldest is forgotten first. Records are never prolonged, so the order in
/// which they were made is that in which they expire, and each step is O(1) but for what has expired since the last one.
/// </remarks>
internal sealed class HandshakesInVain(ShieldService service, TimeProvider time)
{
    /// <summary>Refusals that a client range is told inside TLS in a window: a person or a mail server that looks why it is refused sees them all.</summary>
    public const int MostTold = 5;

    /// <summary>
    /// Handshakes that a client range may leave in a window. An administrator's scanner (testssl.sh) leaves some dozens a minute and must not be lied to; so
    /// many cost a fifth of a second of processor (RSA, 2048 bits).
    /// </summary>
    public const int MostLeft = 50;

    /// <summary>Client ranges that are remembered.</summary>
    public const int Capacity = 16384;

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientRange, Record> _records = [];
    private readonly Queue<(ClientRange Client, long Start)> _order = new();

    /// <summary>Client ranges that are remembered now.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _records.Count;
        }
    }

    /// <summary>Whether a client over a limit may be told so inside TLS, as Postfix tells each one. Counts it if so.</summary>
    public bool TryTell(ClientRange client)
    {
        lock (_gate)
        {
            RemoveExpired();
            var record = _records.GetValueOrDefault(client);
            if (record.Told >= MostTold)
                return false;

            record.Told++;
            Keep(client, record);
            return true;
        }
    }

    /// <summary>How many handshakes a client has left, if those are too many for another one; 0: it may begin one.</summary>
    public int TooManyLeft(ClientRange client)
    {
        lock (_gate)
        {
            RemoveExpired();
            return _records.TryGetValue(client, out var record) && record.Left >= MostLeft && record.Left > record.Finished ? record.Left : 0;
        }
    }

    /// <summary>The client has left one.</summary>
    public void NoteLeft(ClientRange client)
    {
        lock (_gate)
        {
            RemoveExpired();
            var record = _records.GetValueOrDefault(client);
            record.Left++;
            Keep(client, record);
        }
    }

    /// <summary>The client has finished one: remembered of those who have left one before.</summary>
    public void NoteFinished(ClientRange client)
    {
        lock (_gate)
        {
            RemoveExpired();
            if (!_records.TryGetValue(client, out var record))
                return;

            record.Finished++;
            _records[client] = record;
        }
    }

    /// <summary>What a client has cost is forgiven. It stays in its place, so nothing is remembered for longer.</summary>
    public void Forgive(ClientRange client)
    {
        lock (_gate)
        {
            if (_records.ContainsKey(client))
                _records[client] = default;
        }
    }

    private void Keep(ClientRange client, Record record)
    {
        if (!_records.ContainsKey(client))
        {
            if (_records.Count == Capacity)
                _records.Remove(_order.Dequeue().Client);
            _order.Enqueue((client, time.GetTimestamp()));
        }

        _records[client] = record;
    }

    private void RemoveExpired()
    {
        if (_order.Count == 0)
            return;

        var unit = service.Unstressed.Anvil.RateTimeUnit;
        while (_order.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Start) >= unit)
            _records.Remove(_order.Dequeue().Client);
    }

    private record struct Record(int Told, int Left, int Finished);
}
