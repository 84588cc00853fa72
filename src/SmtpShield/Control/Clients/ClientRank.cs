using SmtpShield.Clients;

namespace SmtpShield.Control.Clients;

/// <summary>A client's place in a list: by its value, and among equals by address and service, so that a list is the same each time.</summary>
/// <param name="Value">The larger comes first.</param>
/// <param name="Client">Whose it is; the lower address comes first.</param>
/// <param name="Service">At which service.</param>
internal readonly record struct ClientRank(double Value, ClientRange Client, string Service) : IComparable<ClientRank>
{
    /// <summary>Above 0: it comes first.</summary>
    public int CompareTo(ClientRank other)
    {
        var order = Value.CompareTo(other.Value);
        if (order == 0)
            order = Client.IsIPv4.CompareTo(other.Client.IsIPv4);
        if (order == 0)
            order = other.Client.Bits.CompareTo(Client.Bits);
        if (order == 0)
            order = other.Client.PrefixLength.CompareTo(Client.PrefixLength);
        return order != 0 ? order : string.CompareOrdinal(other.Service, Service);
    }
}
