using System.Globalization;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>What all shields that share must have alike, as each writes it into the store, with its name in front: a line each.</summary>
internal static class SharingSettings
{
    private const char Separator = '\n';

    /// <summary>Those of this shield.</summary>
    public static string Of(ShieldOptions options, IEnumerable<SharedService> services)
    {
        List<string> lines =
        [
            options.Sharing.Name,
            string.Create(CultureInfo.InvariantCulture, $"anvil_rate_time_unit = {options.Anvil.RateTimeUnit.TotalSeconds:0}s"),
            $"shield_shared_store = {StoresOf(options.Sharing)}",
        ];
        foreach (var service in services)
        {
            var anvil = options.Of(service.Name).Anvil;
            lines.Add($"{service.Name}/inet/smtpd_client_ipv4_prefix_length = {anvil.ClientIPv4PrefixLength}");
            lines.Add($"{service.Name}/inet/smtpd_client_ipv6_prefix_length = {anvil.ClientIPv6PrefixLength}");
        }

        return string.Join(Separator, lines);
    }

    /// <summary>The name of the shield that has these.</summary>
    public static string NameIn(string settings) => Printable(settings.Split(Separator)[0]);

    /// <summary>What another shield has otherwise: the first such line, as it has it.</summary>
    /// <param name="own">This shield's.</param>
    /// <param name="other">The other's.</param>
    /// <returns>Null: all that both have is alike.</returns>
    public static string? DifferenceIn(string own, string other)
    {
        var mine = PairsIn(own).ToDictionary(static pair => pair.Name, static pair => pair.Value, StringComparer.Ordinal);
        return PairsIn(other).Where(pair => mine.TryGetValue(pair.Name, out var value) && value != pair.Value)
            .Select(static pair => Printable($"{pair.Name} = {pair.Value}")).FirstOrDefault();
    }

    // Who has but one may call it as he likes.
    private static string StoresOf(SharingOptions options) => SharedStoreList.TryRead(options.Store, out var stores) is null && stores.Sum(Partitions) > 1
        ? string.Join(", ", stores.Select(static store => $"{store.Identity}{(store.IsCluster ? $"?partitions={store.Partitions}" : "")}")
            .Order(StringComparer.Ordinal))
        : "one store";

    private static int Partitions(SharedStoreAddress store) => store.Partitions;

    private static IEnumerable<(string Name, string Value)> PairsIn(string settings) =>
        settings.Split(Separator).Skip(1).Select(static line => line.Split(" = ")).Where(static pair => pair.Length == 2)
            .Select(static pair => (pair[0], pair[1])).DistinctBy(static pair => pair.Item1);

    private static string Printable(string text) => string.Concat(text.Where(static letter => letter is >= ' ' and <= '~').Take(100));
}
