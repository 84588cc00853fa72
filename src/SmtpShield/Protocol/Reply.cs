using System.Text;

namespace SmtpShield.Protocol;

/// <summary>A reply the shield gives itself: complete octets, every line CRLF-ended (RFC 5321 section 4.2).</summary>
/// <param name="Code">The reply code, 200 to 599.</param>
/// <param name="Octets">What is sent.</param>
internal sealed record Reply(int Code, ReadOnlyMemory<byte> Octets)
{
    /// <summary>Makes a reply of one line.</summary>
    /// <param name="line">The line without its end; printable ASCII, never text of the client's.</param>
    public static Reply Of(string line) =>
        new(int.Parse(line.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture), Encoding.ASCII.GetBytes(line + "\r\n"));
}
