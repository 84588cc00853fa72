using System.Buffers.Binary;
using System.Net;

namespace SmtpShield.Host.Rehearsal;

/// <summary>What became of the mail of normal clients in one act, and what they noticed.</summary>
internal sealed class RehearsalTally
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Kind, IPAddress Client), string> _first = [];
    private int _offered;
    private int _delivered;

    /// <summary>Mails they wanted to send.</summary>
    public int Offered => Volatile.Read(ref _offered);

    /// <summary>Mails that were accepted for all their recipients.</summary>
    public int Delivered => Volatile.Read(ref _delivered);

    /// <summary>By kind of client: how many noticed something, and what the one with the lowest address was told first.</summary>
    public IReadOnlyList<(string Kind, int Clients, string First)> Noticed
    {
        get
        {
            lock (_gate)
            {
                return [.. _first.GroupBy(static one => one.Key.Kind).OrderBy(static kind => kind.Key, StringComparer.Ordinal).Select(static kind =>
                    (kind.Key, kind.Count(), kind.MinBy(static one => BinaryPrimitives.ReadUInt32BigEndian(one.Key.Client.GetAddressBytes())).Value))];
            }
        }
    }

    /// <summary>A client has mail to send.</summary>
    public void NoteOffered(int mails) => Interlocked.Add(ref _offered, mails);

    /// <summary>A mail was accepted.</summary>
    public void NoteDelivered() => Interlocked.Increment(ref _delivered);

    /// <summary>A client was told something else than it expects.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="client">Its address.</param>
    /// <param name="said">What it was told.</param>
    /// <param name="to">To what.</param>
    public void NoteNotice(string kind, IPAddress client, string said, string to)
    {
        lock (_gate)
            _first.TryAdd((kind, client), $"{said.Split('\n')[^1]} (to {to})");
    }
}
