using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>
/// Bans by their prefix: a table of chains through the bans themselves. Who looks takes no lock, and whatever is put in or taken out meanwhile, finds what was
/// there all the time; who changes it must be alone.
/// </summary>
/// <remarks>8 to 16 octets for each ban. A look-up is a hash and on average less than one ban to compare.</remarks>
internal sealed class BanIndex
{
    private const int Smallest = 64;

    private Ban?[] _places = new Ban?[Smallest];
    private int _count;

    // Odd while chains are made anew: then one who looked may have come from one chain into another.
    private int _version;

    /// <summary>Bans there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The ban of exactly this prefix; null: none.</summary>
    public Ban? Find(in ClientRange prefix)
    {
        var hash = (uint)prefix.GetHashCode();
        var pause = new SpinWait();
        while (true)
        {
            var version = Volatile.Read(ref _version);
            var places = Volatile.Read(ref _places);
            for (var ban = Volatile.Read(ref places[hash & (uint)(places.Length - 1)]); ban is not null; ban = Volatile.Read(ref ban.Next))
            {
                if (ban.Prefix == prefix)
                    return ban;
            }

            if ((version & 1) == 0 && Volatile.Read(ref _version) == version)
                return null;

            // It may be this processor that the other one waits for.
            pause.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>All of them, in no order: a copy, made without a lock.</summary>
    public List<Ban> ToList()
    {
        var all = new List<Ban>(Count);
        Walk(static _ => true, all);
        return all;
    }

    /// <summary>How many there are of a kind, counted without a lock.</summary>
    public int CountOf(Func<Ban, bool> which) => Walk(which, found: null);

    /// <summary>Puts one in, in place of that of the same prefix: nobody who looks finds none.</summary>
    /// <returns>The one whose place it takes; null: none.</returns>
    public Ban? Put(Ban ban)
    {
        ref var link = ref LinkTo(ban.Prefix);
        var before = link;
        if (before is null && _count >= _places.Length)
        {
            Grow();
            link = ref LinkTo(ban.Prefix);
        }

        ban.Next = before?.Next;
        Volatile.Write(ref link, ban);
        if (before is null)
            Volatile.Write(ref _count, _count + 1);
        return before;
    }

    /// <summary>Takes one out.</summary>
    /// <returns>Null: there is none of this prefix.</returns>
    public Ban? Take(in ClientRange prefix)
    {
        ref var link = ref LinkTo(prefix);
        if (link is not { } ban)
            return null;

        // It still leads to those behind it, for one who stands on it.
        Volatile.Write(ref link, ban.Next);
        Volatile.Write(ref _count, _count - 1);
        return ban;
    }

    // Again from the beginning when chains were made anew meanwhile.
    private int Walk(Func<Ban, bool> which, List<Ban>? found)
    {
        var pause = new SpinWait();
        while (true)
        {
            var version = Volatile.Read(ref _version);
            var count = 0;
            found?.Clear();
            foreach (ref var first in Volatile.Read(ref _places).AsSpan())
            {
                for (var ban = Volatile.Read(ref first); ban is not null; ban = Volatile.Read(ref ban.Next))
                {
                    if (!which(ban))
                        continue;
                    count++;
                    found?.Add(ban);
                }
            }

            if ((version & 1) == 0 && Volatile.Read(ref _version) == version)
                return count;
            pause.SpinOnce(sleep1Threshold: -1);
        }
    }

    // What leads to a ban; the end of its chain where there is none.
    private ref Ban? LinkTo(in ClientRange prefix)
    {
        ref var link = ref _places[(uint)prefix.GetHashCode() & (uint)(_places.Length - 1)];
        while (link is { } ban && ban.Prefix != prefix)
            link = ref ban.Next;
        return ref link;
    }

    private void Grow()
    {
        var all = ToList();
        var places = new Ban?[_places.Length * 2];
        Interlocked.Increment(ref _version);
        Volatile.Write(ref _places, places);
        foreach (var ban in all)
        {
            ref var first = ref places[(uint)ban.Prefix.GetHashCode() & (uint)(places.Length - 1)];
            ban.Next = first;
            Volatile.Write(ref first, ban);
        }

        Interlocked.Increment(ref _version);
    }
}
