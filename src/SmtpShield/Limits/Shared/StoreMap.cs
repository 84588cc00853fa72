using System.Text;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// Which partition of which store a client is counted in. The store is chosen by rendezvous hash: each store has a score with the client, and the highest one
/// wins. So all shields choose alike, whatever the order of their lists, and a store that is added takes clients from the others, and moves none between them.
/// </summary>
/// <remarks>The hash is part of what shields agree on: with another one two versions would count a client in two places.</remarks>
internal sealed class StoreMap
{
    // FNV-1a, 64 bits.
    private const ulong Basis = 14_695_981_039_346_656_037;
    private const ulong Prime = 1_099_511_628_211;

    // So that the choice of the partition has nothing to do with that of the store.
    private const ulong ForPartitions = 0x9e37_79b9_7f4a_7c15;

    private readonly ulong[] _seeds;
    private readonly int[] _first;

    /// <summary>Makes it.</summary>
    /// <param name="stores">The stores, one at least.</param>
    public StoreMap(IReadOnlyList<SharedStoreAddress> stores)
    {
        Stores = stores;
        _seeds = [.. stores.Select(static store => HashOf(store.Identity))];
        _first = new int[stores.Count];
        List<StorePartition> partitions = [];
        for (var store = 0; store < stores.Count; store++)
        {
            _first[store] = partitions.Count;
            for (var number = 0; number < stores[store].Partitions; number++)
                partitions.Add(new(store, number));
        }

        Partitions = partitions;
    }

    /// <summary>The stores.</summary>
    public IReadOnlyList<SharedStoreAddress> Stores { get; }

    /// <summary>The partitions of all of them.</summary>
    public IReadOnlyList<StorePartition> Partitions { get; }

    /// <summary>Where the counts of a client are: an index of <see cref="Partitions"/>.</summary>
    public int PartitionOf(in ClientRange client)
    {
        if (Partitions.Count == 1)
            return 0;

        var bits = client.Bits;
        var hash = Mix(Mix((ulong)(bits >> 64) ^ client.PrefixLength) ^ (ulong)bits ^ (client.IsIPv4 ? Prime : 0));
        var store = StoreOf(hash);
        return _first[store] + (int)(((Mix(hash ^ ForPartitions) >> 32) * (ulong)Stores[store].Partitions) >> 32);
    }

    /// <summary>Where an entry is: an index of <see cref="Stores"/>.</summary>
    /// <param name="key">What it is about.</param>
    public int StoreOf(string key) => Stores.Count == 1 ? 0 : StoreOf(HashOf(key));

    /// <summary>What a partition is called: its store, with its number where the store has several.</summary>
    /// <param name="index">An index of <see cref="Partitions"/>.</param>
    public string NameOf(int index)
    {
        var (store, number) = Partitions[index];
        return Stores[store].IsCluster ? $"{Stores[store]}{{{number}}}" : $"{Stores[store]}";
    }

    private static ulong HashOf(string text)
    {
        var hash = Basis;
        foreach (var octet in Encoding.UTF8.GetBytes(text))
            hash = (hash ^ octet) * Prime;
        return Mix(hash);
    }

    // The end of SplitMix64: each bit of the result depends on each of the value.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58_476d_1ce4_e5b9;
        value = (value ^ (value >> 27)) * 0x94d0_49bb_1331_11eb;
        return value ^ (value >> 31);
    }

    private int StoreOf(ulong hash)
    {
        var (chosen, highest) = (0, 0UL);
        for (var store = 0; store < _seeds.Length; store++)
        {
            var score = Mix(hash ^ _seeds[store]);
            if (score > highest)
                (chosen, highest) = (store, score);
        }

        return chosen;
    }
}
