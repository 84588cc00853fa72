using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>
/// A half of a <see cref="DeliveringShard"/>. An IPv4 address takes 15 octets and an IPv6 network of 64 bits 20, which nearly all clients are; any other range
/// takes 40. Not thread-safe.
/// </summary>
internal sealed class DeliveringHalf
{
    private const int AddressLength = 32;
    private const int NetworkLength = 64;

    private readonly MailTable<uint> _addresses;
    private readonly MailTable<ulong> _networks;
    private readonly MailTable<ClientRange> _others;

    /// <summary>Makes an empty one.</summary>
    /// <param name="capacity">Ranges there may be.</param>
    public DeliveringHalf(int capacity)
        : this(new(capacity), new(capacity), new(capacity))
    {
    }

    private DeliveringHalf(MailTable<uint> addresses, MailTable<ulong> networks, MailTable<ClientRange> others) =>
        (_addresses, _networks, _others) = (addresses, networks, others);

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

    /// <summary>A copy, for who takes his time to look at it.</summary>
    public DeliveringHalf Copy() => new(_addresses.Copy(), _networks.Copy(), _others.Copy());

    /// <summary>All of them.</summary>
    public IEnumerable<KeyValuePair<ClientRange, AcceptedMessages>> All() =>
    [
        .. _addresses.All().Select(static one => KeyValuePair.Create(new ClientRange(one.Key, AddressLength, isIPv4: true), one.Mail)),
        .. _networks.All().Select(static one => KeyValuePair.Create(
            new ClientRange((UInt128)one.Key << NetworkLength, NetworkLength, isIPv4: false), one.Mail)),
        .. _others.All().Select(static one => KeyValuePair.Create(one.Key, one.Mail)),
    ];

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
