using System.Buffers;
using System.Text;

namespace SmtpShield.Protocol;

/// <summary>Which SASL mechanisms may be used through a proxy, in EHLO replies and in AUTH commands.</summary>
internal static class SaslMechanisms
{
    /// <summary>Whether a mechanism may pass.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <param name="passed">What the session lets pass.</param>
    public static bool IsPassed(ReadOnlySpan<byte> name, PassedMechanisms passed) =>
        passed == PassedMechanisms.All || !(IsWrapping(name) || (passed == PassedMechanisms.ReadableAndUnbound && IsBound(name)));

    /// <summary>The first word behind AUTH.</summary>
    public static ReadOnlySpan<byte> NameIn(ReadOnlySpan<byte> argument) =>
        argument.IndexOfAny((byte)' ', (byte)'\t') is >= 0 and var end ? argument[..end] : argument;

    /// <summary>Writes an AUTH line of an EHLO reply (<c>250-AUTH PLAIN LOGIN</c>, <c>250-AUTH=LOGIN</c>) without the mechanisms that may not pass.</summary>
    /// <param name="line">The line with its end.</param>
    /// <param name="passed">What the session lets pass.</param>
    /// <param name="output">Where to; nothing when no mechanism is left.</param>
    /// <returns>Whether a mechanism is left.</returns>
    public static bool Write(ReadOnlySpan<byte> line, PassedMechanisms passed, IBufferWriter<byte> output)
    {
        // Up to "AUTH" and what separates it from the first mechanism.
        var start = 4 + line[4..].IndexOfAny(" \t="u8) + 1;
        var separator = line[start - 1];
        var isAny = false;
        foreach (var range in line[start..].SplitAny(" \t\r\n"u8))
        {
            var name = line[start..][range];
            if (name.IsEmpty || !IsPassed(name, passed))
                continue;

            output.Write(isAny ? " "u8 : line[..(start - 1)]);
            if (!isAny)
                output.Write([separator]);
            output.Write(name);
            isAny = true;
        }

        if (isAny)
            output.Write("\r\n"u8);
        return isAny;
    }

    private static bool IsWrapping(ReadOnlySpan<byte> name) =>
        Is(name, "GSSAPI"u8) || Is(name, "DIGEST-MD5"u8) || Is(name, "KERBEROS_V4"u8) || (name.Length > 4 && Is(name[..4], "GS2-"u8));

    private static bool IsBound(ReadOnlySpan<byte> name) => Is(name, "EXTERNAL"u8) || (name.Length > 5 && Is(name[^5..], "-PLUS"u8));

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> other) => Ascii.EqualsIgnoreCase(name, other);
}
