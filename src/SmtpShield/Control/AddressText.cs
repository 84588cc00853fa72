using System.Net;
using System.Text;
using SmtpShield.Clients;
using SmtpShield.Control.Changes;
using SmtpShield.Observe;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Control;

/// <summary>Addresses and prefixes as operators write them: strictly, for an octal number or a host bit is a mistake nobody sees.</summary>
internal static class AddressText
{
    private const int MappedBits = 96;

    /// <summary>Reads an address, with or without brackets. IPv4-mapped IPv6 becomes IPv4.</summary>
    /// <exception cref="ControlException">It is none.</exception>
    public static IPAddress ParseAddress(string text)
    {
        var bare = text is ['[', .., ']'] ? text[1..^1] : text;
        if (!AddressBits.TryParse(bare, out var address))
            throw ControlException.BadRequest($"bad address: {Shown(text)}", "write 192.0.2.1 or 2001:db8::1", "address");
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    /// <summary>Reads an address or <c>network/length</c>, with or without brackets around an IPv6 address.</summary>
    /// <exception cref="ControlException">It is none.</exception>
    public static ClientRange ParsePrefix(string text)
    {
        if (!AddressRange.TryParse(text, out _, out var error))
        {
            throw ControlException.BadRequest(
                Shown(error),
                error.StartsWith("non-null", StringComparison.Ordinal) ? "" : "write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32", "prefix");
        }

        var plain = text.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);
        var slash = plain.IndexOf('/', StringComparison.Ordinal);
        var address = IPAddress.Parse(slash < 0 ? plain : plain[..slash]);
        var length = slash < 0 ? address.GetAddressBytes().Length * 8 : int.Parse(plain.AsSpan(slash + 1), System.Globalization.CultureInfo.InvariantCulture);
        return address.IsIPv4MappedToIPv6 && length >= MappedBits
            ? ClientRange.Of(address.MapToIPv4(), length - MappedBits, length)
            : AsIPv6OrIPv4(address, length);
    }

    /// <summary>What an operator wrote, for an answer or a log line.</summary>
    public static string Shown(string text) => ClientText.Escape(Encoding.UTF8.GetBytes(text), ChangeRequest.LongestWhy);

    // ::/0 and its like cover the mapped addresses, too, and no IPv4 client: those are IPv4 here.
    private static ClientRange AsIPv6OrIPv4(IPAddress address, int length) => address.IsIPv4MappedToIPv6
        ? throw ControlException.BadRequest("a network of IPv4-mapped addresses and others", "write an IPv4 network", "prefix")
        : ClientRange.Of(address, length, length);
}
