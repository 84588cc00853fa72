namespace SmtpShield.Limits;

/// <summary>What a client does, apart from connecting, that its record counts.</summary>
internal enum AnvilEvent
{
    /// <summary>MAIL (<c>smtpd_client_message_rate_limit</c>).</summary>
    Message,

    /// <summary>RCPT or VRFY (<c>smtpd_client_recipient_rate_limit</c>).</summary>
    Recipient,

    /// <summary>A new TLS session (<c>smtpd_client_new_tls_session_rate_limit</c>).</summary>
    NewTlsSession,

    /// <summary>AUTH (<c>smtpd_client_auth_rate_limit</c>).</summary>
    Auth,

    /// <summary>A command the MTA refused (<c>shield_client_error_rate_limit</c>).</summary>
    Error,

    /// <summary>A login the MTA refused (<c>shield_client_auth_failure_rate_limit</c>).</summary>
    AuthFailure,
}

/// <summary>How many events there are.</summary>
internal static class AnvilEvents
{
    /// <summary>One more than the last one's value: the size of a record is a constant.</summary>
    public const int Count = (int)AnvilEvent.AuthFailure + 1;
}
