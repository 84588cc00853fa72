namespace SmtpShield.Options;

/// <summary>The stores of <c>shield_shared_store</c>: addresses separated by commas or blanks.</summary>
public static class SharedStoreList
{
    /// <summary>Partitions all stores may have together: a shield calls each of them ten times a second.</summary>
    public const int MostPartitions = 256;

    private static readonly char[] s_separators = [',', ' ', '\t'];

    /// <summary>Reads it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="stores">The stores, in its order; empty: there is none.</param>
    /// <returns>What is wrong; null: nothing.</returns>
    public static string? TryRead(string text, out IReadOnlyList<SharedStoreAddress> stores)
    {
        stores = [];
        List<SharedStoreAddress> all = [];
        foreach (var one in text.Split(s_separators, StringSplitOptions.RemoveEmptyEntries))
        {
            if (SharedStoreAddress.TryRead(one, out var address) is { } wrong)
                return wrong;
            all.Add(address!);
        }

        var alike = all.SelectMany(static store => store.Nodes).GroupBy(SharedStoreAddress.NameOf, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(static nodes => nodes.Count() > 1);
        if (alike is not null)
            return $"two stores are alike: {alike.Key}";
        if (all.Sum(static store => store.Partitions) > MostPartitions)
            return $"all stores together have more than {MostPartitions} partitions";

        stores = all;
        return null;
    }
}
