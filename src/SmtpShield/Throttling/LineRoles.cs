using SmtpShield.Limits;

namespace SmtpShield.Throttling;

/// <summary>The role of each log event about a connection, by its id.</summary>
internal static class LineRoles
{
    /// <summary>The role of an event, and its kind if it is one of its own.</summary>
    public static (LineRole Role, LogEventKind Kind) Of(int id) => id switch
    {
        // limit exceeded, Refusing TLS service request
        1200 or 1202 => (LineRole.Event, LogEventKind.Connection),
        // request longer than, limit exceeded, Refusing STARTTLS request
        1500 or 1509 or 1510 => (LineRole.Event, LogEventKind.Command),
        // reject: and proxy-reject:
        1501 or 1503 or 1507 or 1508 => (LineRole.Event, LogEventKind.Reject),
        // authentication failed
        1502 => (LineRole.Event, LogEventKind.Login),
        // hostname …, connect from, disconnect from, client=, proxy-accept:, discarding EHLO keywords, TLS connection established,
        // SNI
        (>= 1100 and <= 1103) or 1400 or 1401 or 1411 or 1506 or 1513 or 1517 or 2000 or 2002 or 2003 => (LineRole.Part, LogEventKind.Session),
        // haproxy read, improper command pipelining, how a session ended, non-SMTP command, too much input, connect to upstream,
        // upstream offers less, SSL_accept error
        1106 or 1201 or (>= 1402 and <= 1408) or 1410 or 1412 or 1511 or 1512 or (>= 1514 and <= 1516) or 1551 or 2001 =>
            (LineRole.Telling, LogEventKind.Session),
        // tls passthrough
        1505 => (LineRole.MayDeliver, LogEventKind.Session),
        _ => (LineRole.Always, LogEventKind.Session),
    };
}
