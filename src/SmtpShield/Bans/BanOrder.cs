using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>The order of bans in a list: IPv4 first, by address, the wider prefix first.</summary>
internal sealed class BanOrder : IComparer<ClientRange>
{
    /// <summary>The order.</summary>
    public static BanOrder Instance { get; } = new();

    /// <inheritdoc />
    public int Compare(ClientRange x, ClientRange y)
    {
        var order = y.IsIPv4.CompareTo(x.IsIPv4);
        if (order == 0)
            order = x.Bits.CompareTo(y.Bits);
        return order != 0 ? order : x.PrefixLength.CompareTo(y.PrefixLength);
    }
}
