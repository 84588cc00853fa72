using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>Names an AUTH command's mechanism for log lines, without ever quoting what might be a credential typed in its place.</summary>
internal static class SaslMechanism
{
    private static readonly string[] Known =
    [
        "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS", "XOAUTH2", "OAUTHBEARER",
        "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512",
    ];

    private static readonly byte[][] Octets = Array.ConvertAll(Known, System.Text.Encoding.ASCII.GetBytes);

    /// <summary>The mechanism in upper case if it is one that is in use, else <c>unknown</c>.</summary>
    /// <param name="argument">What follows AUTH.</param>
    public static ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> argument)
    {
        var word = SaslMechanisms.NameIn(argument);
        foreach (var name in Octets)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(word, name))
                return name;
        }

        return "unknown"u8;
    }
}
