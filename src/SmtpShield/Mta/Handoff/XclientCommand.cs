using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using SmtpShield.Clients;

namespace SmtpShield.Mta.Handoff;

/// <summary>
/// Postfix's <c>XCLIENT name=value …</c> (XCLIENT_README): one command with all the MTA takes from us, because each one resets what the others said, and an
/// address without a name and a port leaves the shield's own attached to it.
/// </summary>
internal static class XclientCommand
{
    /// <summary>The attribute without which the command is worth nothing.</summary>
    public const string Address = "ADDR";

    // XCLIENT_README: the whole command with its line end.
    private const int MaxLength = 512;

    // Postfix: a value as it is sent.
    private const int MaxValueLength = 255;

    private const string Unavailable = "[UNAVAILABLE]";
    private const string TemporarilyUnavailable = "[TEMPUNAVAIL]";

    /// <summary>Writes the command without its line end.</summary>
    /// <param name="client">Whom to tell about.</param>
    /// <param name="offered">The attributes the MTA takes. HELO and PROTO are not sent, because the client's own EHLO follows, nor is LOGIN: nobody has
    /// authenticated to us.</param>
    public static string For(UpstreamClient client, IReadOnlySet<string> offered)
    {
        var identity = client.Identity;
        var unknown = identity.IsNameTemporary ? TemporarilyUnavailable : Unavailable;
        // NAME comes first: in Postfix it sets REVERSE_NAME, too.
        List<(string Name, string Value)> attributes =
        [
            ("NAME", NameOf(identity.Name, unknown)),
            ("REVERSE_NAME", NameOf(identity.ReverseName, unknown)),
            (Address, AddressOf(identity.Address)),
            ("PORT", PortOf(identity.Port)),
            ("DESTADDR", client.LocalEndPoint is { } local ? AddressOf(ClientIdentity.AddressOf(local)) : Unavailable),
            ("DESTPORT", client.LocalEndPoint is { } end ? PortOf(end.Port) : Unavailable),
            // Dovecot's: whether the client's connection is secured.
            ("CLIENT-TRANSPORT", client.Tls is null ? "insecure" : "TLS"),
        ];
        attributes.RemoveAll(attribute => !offered.Contains(attribute.Name));
        if (LengthOf(attributes) > MaxLength)
            attributes.RemoveAll(static attribute => attribute.Name == "REVERSE_NAME");

        return $"XCLIENT {string.Join(' ', attributes.Select(static attribute => $"{attribute.Name}={attribute.Value}"))}";
    }

    private static int LengthOf(List<(string Name, string Value)> attributes) =>
        "XCLIENT\r\n".Length + attributes.Sum(static attribute => 2 + attribute.Name.Length + attribute.Value.Length);

    // A name is what some name server said. One that could be more than a name on our command line is none.
    private static string NameOf(string name, string unknown)
    {
        if (name == ClientIdentity.UnknownName)
            return unknown;
        if (name.Length == 0 || name.Any(static c => c is <= ' ' or > '~'))
            return Unavailable;
        var value = Xtext(name);
        return value.Length <= MaxValueLength ? value : Unavailable;
    }

    private static string AddressOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"IPV6:{address}" : address.ToString();

    private static string PortOf(int port) => port.ToString(CultureInfo.InvariantCulture);

    // RFC 3461 section 4.
    private static string Xtext(string text)
    {
        var encoded = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c is '+' or '=')
                encoded.Append(CultureInfo.InvariantCulture, $"+{(int)c:X2}");
            else
                encoded.Append(c);
        }

        return encoded.ToString();
    }
}
