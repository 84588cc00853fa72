using System.Net;
using System.Net.Sockets;
using System.Text.Json.Serialization;
using SmtpShield.Control.Banning;

namespace SmtpShield.Host.Firewall;

/// <summary>What the kernel drops, beside what the shield wants it to.</summary>
/// <param name="Wanted">Bans the kernel should carry out.</param>
/// <param name="Missing">Of these, those it does not, or not as long.</param>
/// <param name="Extra">Prefixes it drops that it should not.</param>
/// <param name="Bans">All of them.</param>
internal sealed record KernelComparison(int Wanted, int Missing, int Extra, IReadOnlyList<KernelBanRow> Bans)
{
    private const string IsMissing = "missing";
    private const string IsExtra = "not on the shield's list";
    private const string EndsOtherwise = "ends at another time";

    // The kernel counts whole seconds, and is told a quarter of a second later.
    private static readonly TimeSpan _tolerance = TimeSpan.FromSeconds(5);

    /// <summary>Whether both are the same.</summary>
    [JsonIgnore]
    public bool IsEqual => Missing == 0 && Extra == 0;

    /// <summary>Compares.</summary>
    /// <param name="wanted">What the shield wants dropped.</param>
    /// <param name="held">What the kernel has.</param>
    /// <param name="now">When both were asked.</param>
    public static KernelComparison Of(IReadOnlyList<KernelBan> wanted, IReadOnlyList<NftBan> held, DateTimeOffset now)
    {
        var left = held.ToDictionary(static ban => ban.Prefix, static ban => ban.Seconds);
        var networks = held.Select(static ban => ban.Prefix).Where(NftScript.IsNet).ToList();
        var rows = new List<KernelBanRow>();
        var missing = 0;
        foreach (var ban in wanted)
        {
            if (FirewallSync.Parse(ban.Prefix) is not { } prefix)
                continue;
            DateTimeOffset? until = now.AddSeconds(ban.LeftS);
            if (left.Remove(prefix, out var seconds))
            {
                var kernelUntil = now.AddSeconds(seconds);
                var isLate = (kernelUntil - until.Value).Duration() > _tolerance;
                missing += isLate ? 1 : 0;
                rows.Add(new(ban.Prefix, until, kernelUntil, null, isLate ? EndsOtherwise : null));
            }
            else
            {
                var around = networks.Where(network => network.Contains(prefix.BaseAddress) && network.PrefixLength < prefix.PrefixLength)
                    .Select(static network => (IPNetwork?)network).FirstOrDefault();
                missing += around is null ? 1 : 0;
                rows.Add(new(ban.Prefix, until, null, around?.ToString(), around is null ? IsMissing : null));
            }
        }

        rows.AddRange(left.Select(one => new KernelBanRow(Text(one.Key), null, now.AddSeconds(one.Value), null, IsExtra)));
        return new(wanted.Count, missing, left.Count, rows);
    }

    private static string Text(IPNetwork prefix) =>
        prefix.PrefixLength == (prefix.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
            ? $"{prefix.BaseAddress}" : $"{prefix}";
}
