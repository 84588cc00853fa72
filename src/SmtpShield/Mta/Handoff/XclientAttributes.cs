using System.Text;

namespace SmtpShield.Mta.Handoff;

/// <summary>The attributes an MTA lists behind XCLIENT in its EHLO reply: those it takes from us.</summary>
internal static class XclientAttributes
{
    /// <summary>Reads them out of a whole EHLO reply.</summary>
    /// <param name="ehlo">The reply, every line ended by CR LF.</param>
    /// <returns>The names, in any case; <see langword="null"/> when XCLIENT is not offered: this client of the MTA may not use it.</returns>
    public static IReadOnlySet<string>? Of(ReadOnlySpan<byte> ehlo)
    {
        HashSet<string>? names = null;
        foreach (var line in Encoding.Latin1.GetString(ehlo).Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            if (line.Length > 4 && line[4..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var keyword, .. var attributes]
                && keyword.Equals("XCLIENT", StringComparison.OrdinalIgnoreCase))
            {
                (names ??= new(StringComparer.OrdinalIgnoreCase)).UnionWith(attributes);
            }
        }

        return names;
    }
}
