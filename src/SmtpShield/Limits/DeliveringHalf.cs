using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// A half of a <see cref="DeliveringShard"/>. An IPv4 address takes 15 octets and an IPv6 network of 64 bits 20, which nearly all clients are; any other range
/// takes 40. Not thread-safe.
/// </summary>
/// <param name="capacity">Ranges there may be.</param>
internal sealed class DeliveringHalf(int capacity)
{
    private const int AddressLength = 32;
    private const int NetworkLength = 64;

    private readonly MailTable<uint> _addresses = new(capacity);
    private readonly MailTable<ulong> _networks = new(capacity);
    private readonly MailTable<ClientRange> _others = new(capacity);

    /// <summary>Ranges there are.</summary>
    public int Count => _addresses.Count + _networks.Count + _others.Count;

    /// <summary>The mail of a range; null: none is known.</summary>
    public AcceptedMessages? Find(in ClientRange range) => IsAddress(range) ? _addresses.Find((uint)range.Bits)
        : IsNetwork(range) ? _networks.Find(NetworkOf(range)) : _others.Find(range);

    /// <summary>Takes a range out, with its mail; null: none is known.</summary>
    public AcceptedMessages? Take(in ClientRange range) => IsAddress(range) ? _addresses.Take((uint)range.Bits)
        : IsNetwork(range) ? _networks.Take(NetworkOf(range)) : _others.Take(range);

    /// <summary>Sets the mail of a range.</summary>
    public void Set(in ClientRange range, AcceptedMessages mail)
    {
        if (IsAddress(range))
            _addresses.Set((uint)range.Bits, mail);
        else if (IsNetwork(range))
            _networks.Set(NetworkOf(range), mail);
        else
            _others.Set(range, mail);
    }

    /// <summary>How many had mail accepted since a second.</summary>
    public int CountSince(uint second) => _addresses.CountSince(second) + _networks.CountSince(second) + _others.CountSince(second);

    /// <summary>Copies all of them.</summary>
    public void CopyTo(List<KeyValuePair<ClientRange, AcceptedMessages>> all)
    {
        foreach (var (address, mail) in _addresses.All())
            all.Add(new(new(address, AddressLength, isIPv4: true), mail));
        foreach (var (network, mail) in _networks.All())
            all.Add(new(new((UInt128)network << NetworkLength, NetworkLength, isIPv4: false), mail));
        foreach (var (range, mail) in _others.All())
            all.Add(new(range, mail));
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        _addresses.Clear();
        _networks.Clear();
        _others.Clear();
    }

    private static bool IsAddress(in ClientRange range) => range is { IsIPv4: true, PrefixLength: AddressLength };

    private static bool IsNetwork(in ClientRange range) => range is { IsIPv4: false, PrefixLength: NetworkLength };

    private static ulong NetworkOf(in ClientRange range) => (ulong)(range.Bits >> NetworkLength);
}
