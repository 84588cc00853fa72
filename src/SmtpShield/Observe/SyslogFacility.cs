namespace SmtpShield.Observe;

/// <summary>The syslog facilities <c>syslog_facility</c> can name, with their numbers (RFC 3164 section 4.1.1).</summary>
internal static class SyslogFacility
{
    /// <summary>The number of <c>mail</c>.</summary>
    public const int Mail = 2;

    // Names as syslog.h and postconf(5) have them; 12 to 15 have no name there.
    private static readonly string[] Names =
        ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "", "",
         "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

    /// <summary>Finds the number of a facility.</summary>
    public static bool TryParse(string name, out int facility)
    {
        facility = name.Length == 0 ? -1 : Array.IndexOf(Names, name);
        return facility >= 0;
    }
}
