using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Clients;

/// <summary>The names and addresses of <c>/etc/hosts</c>, see hosts(5).</summary>
internal sealed class HostsFile
{
    private readonly Dictionary<IPAddress, string> _names = [];
    private readonly Dictionary<string, List<IPAddress>> _addresses = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads its lines: an address, its name, other names of it, a comment. What is none is passed over, as the C library does.</summary>
    public HostsFile(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            var words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || !IPAddress.TryParse(words[0], out var parsed))
                continue;
            var address = ClientIdentity.AddressOf(new(parsed, 0));
            _names.TryAdd(address, words[1]);
            foreach (var name in words.Skip(1))
            {
                if (!_addresses.TryGetValue(name, out var addresses))
                    _addresses[name] = addresses = [];
                addresses.Add(address);
            }
        }
    }

    /// <summary>The name of an address: that of its first line; empty if it has none.</summary>
    public string NameOf(IPAddress address) => _names.GetValueOrDefault(address, "");

    /// <summary>The addresses of a name, whichever of its line it is.</summary>
    public IReadOnlyList<IPAddress> AddressesOf(string name, AddressFamily family) =>
        _addresses.TryGetValue(name, out var addresses) ? [.. addresses.Where(address => address.AddressFamily == family)] : [];
}
