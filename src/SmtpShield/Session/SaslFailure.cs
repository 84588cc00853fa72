namespace SmtpShield.Session;

/// <summary>
/// Why an MTA has refused a login, for log lines: in its words when they are known ones, because others might repeat the client's credentials.
/// </summary>
internal static class SaslFailure
{
    /// <summary>Stands for words that are not known.</summary>
    public const string Unknown = "authentication failure";

    // Of Postfix (xsasl_dovecot_server.c, xsasl_cyrus_server.c), the last challenges of LOGIN, which it logs in place of a reason, and
    // those of Cyrus SASL (saslerr.c).
    private static readonly string[] Known =
    [
        "(reason unavailable)", "UGFzc3dvcmQ6", "VXNlcm5hbWU6", "Connection lost to authentication server", "Invalid authentication mechanism",
        "Password:", "Username:",
        Unknown, "generic failure", "user not found", "bad protocol / cancel", "another step is needed in authentication", "no mechanism available",
        "invalid parameter supplied",
    ];

    /// <summary>The reason a reply gives behind <c>authentication failed: </c>.</summary>
    /// <param name="reply">The reply's first line.</param>
    public static string ReasonIn(ReadOnlySpan<byte> reply)
    {
        var marker = "authentication failed: "u8;
        var at = reply.IndexOf(marker);
        if (at < 0)
            return Unknown;

        var reason = reply[(at + marker.Length)..].TrimEnd((byte)' ');
        foreach (var known in Known)
        {
            if (System.Text.Ascii.Equals(reason, known))
                return known;
        }

        return Unknown;
    }
}
