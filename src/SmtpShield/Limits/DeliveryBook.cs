using System.Net;
using SmtpShield.Clients;
using SmtpShield.Options;

namespace SmtpShield.Limits;

/// <summary>Whose mail the MTA has accepted, by client and by the range that would be banned with it, where that is wider.</summary>
/// <param name="snapshot">Says how wide that is.</param>
/// <param name="time">The clock.</param>
internal sealed class DeliveryBook(ShieldSnapshot snapshot, TimeProvider time)
{
    /// <summary>By client.</summary>
    public DeliveringClients Clients { get; } = new(time);

    /// <summary>By the range an automatic ban has.</summary>
    public DeliveringClients Ranges { get; } = new(time);

    /// <summary>The MTA has accepted a message of a client, the first one in six hours. Told on the thread of its session, which waits for it.</summary>
    public event Action<ClientRange>? DeliversAgain;

    /// <summary>The MTA has accepted a message.</summary>
    /// <param name="client">As whom the client is counted.</param>
    /// <param name="address">Its address.</param>
    public void Note(in ClientRange client, IPAddress address)
    {
        if (Clients.Note(client))
            DeliversAgain?.Invoke(client);
        if (WiderThan(client, address) is { } range)
            Ranges.Note(range);
    }

    /// <summary>The MTA has accepted a message at another shield.</summary>
    /// <param name="client">As whom the client is counted there.</param>
    /// <param name="at">When.</param>
    public void NoteElsewhere(in ClientRange client, DateTimeOffset at)
    {
        Clients.NoteElsewhere(client, at);
        if (WiderThan(client, client.Address) is { } range)
            Ranges.NoteElsewhere(range, at);
    }

    /// <summary>What an earlier process knew of a client's mail.</summary>
    public void Restore(in ClientRange client, DeliveredMail mail)
    {
        Clients.Restore(client, mail);
        if (WiderThan(client, client.Address) is { } range)
            Ranges.Restore(range, mail);
    }

    /// <summary>The range an automatic ban of an address has.</summary>
    public ClientRange RangeOfBan(IPAddress address) =>
        ClientRange.Of(address, snapshot.Current.Bans.IPv4PrefixLength, snapshot.Current.Bans.IPv6PrefixLength);

    // Null: the ban is of no more than the client.
    private ClientRange? WiderThan(in ClientRange client, IPAddress address) =>
        RangeOfBan(address) is var range && range.PrefixLength < client.PrefixLength ? range : null;
}
