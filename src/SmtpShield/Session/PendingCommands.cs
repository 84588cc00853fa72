using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// The order of a session: commands as the client sent them, each until its reply has been relayed. Exactly one reply leaves for
/// each, in this order, whether it is the MTA's or the shield's own (RFC 2920 section 3.2).
/// </summary>
internal sealed class PendingCommands
{
    /// <summary>Commands that may wait at the same time; above it the client is no longer read.</summary>
    public const int Capacity = 128;

    private PendingCommand[] _ring = [];
    private int _head;

    /// <summary>Commands waiting.</summary>
    public int Count { get; private set; }

    /// <summary>The command whose reply is next. Only while <see cref="Count"/> is above 0.</summary>
    public ref PendingCommand Head => ref _ring[_head];

    /// <summary>The command that came last. Only while <see cref="Count"/> is above 0.</summary>
    public ref PendingCommand Last => ref _ring[(_head + Count - 1) & (_ring.Length - 1)];

    /// <summary>Whether the MTA owes the reply to any.</summary>
    public bool HasForwarded
    {
        get
        {
            for (var i = 0; i < Count; i++)
            {
                if (_ring[(_head + i) & (_ring.Length - 1)].IsForwarded)
                    return true;
            }

            return false;
        }
    }

    /// <summary>Whether the last command holds later input back.</summary>
    public bool IsGroupEnded => Count > 0 && Last.EndsGroup;

    /// <summary>Whether a reply is owed that opens or ends a mail transaction.</summary>
    public bool HasTransactionChange => CountOf(Verb.Mail) + CountOf(Verb.Rset) > 0;

    /// <summary>Recipients that are with the MTA, or answered in its place.</summary>
    public int Recipients => CountOf(Verb.Rcpt);

    /// <summary>Whether a RCPT is with the MTA that counts only if it is accepted.</summary>
    public bool HasUncountedRecipient
    {
        get
        {
            for (var i = 0; i < Count; i++)
            {
                ref var command = ref _ring[(_head + i) & (_ring.Length - 1)];
                if (command is { Verb: Verb.Rcpt, IsForwarded: true, IsCounted: false })
                    return true;
            }

            return false;
        }
    }

    /// <summary>Whether the reply to a chunk is owed.</summary>
    public bool HasChunk => CountOf(Verb.Bdat) > 0;

    /// <summary>Adds a command behind all others.</summary>
    public void Add(in PendingCommand command)
    {
        if (Count == _ring.Length)
            Grow();
        Count++;
        Last = command;
    }

    /// <summary>Removes the head: its reply has been relayed.</summary>
    public void RemoveHead()
    {
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        Count--;
    }

    private int CountOf(Verb verb)
    {
        var count = 0;
        for (var i = 0; i < Count; i++)
        {
            ref var command = ref _ring[(_head + i) & (_ring.Length - 1)];
            if (command.Verb == verb && command.IsMtas)
                count++;
        }

        return count;
    }

    // Lengths are powers of two; sessions that never pipeline stay at the first one.
    private void Grow()
    {
        var larger = new PendingCommand[Math.Max(1, _ring.Length * 2)];
        for (var i = 0; i < Count; i++)
            larger[i] = _ring[(_head + i) & (_ring.Length - 1)];
        _ring = larger;
        _head = 0;
    }
}
