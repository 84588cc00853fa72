using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>
/// All limits there are on one client, one row each. Their order is that in which they are judged: of several that are exceeded only the first is logged and
/// told, as by Postfix (smtpd.c has the count of connections before their rate); and that of anvil's statistics, where the shield's own two stand behind
/// Postfix's.
/// </summary>
internal static class ClientLimits
{
    /// <summary>Connections a client has open at the same time.</summary>
    public static ClientLimit ConnectionCount { get; } = new("smtpd_client_connection_count_limit", static limits => limits.ClientConnectionCountLimit)
    {
        IsOnOpenConnections = true,
        Moments = LimitMoments.Connect,
        Subject = "Connection concurrency",
        Text = static (host, client) => $"421 4.7.0 {host} Error: too many connections from {client}",
    };

    /// <summary>Connections a client makes.</summary>
    public static ClientLimit ConnectionRate { get; } = new("smtpd_client_connection_rate_limit", static limits => limits.ClientConnectionRateLimit)
    {
        Moments = LimitMoments.Connect,
        Subject = "Connection rate",
        StatisticsName = "connection",
        Text = ConnectionCount.Text,
    };

    /// <summary>MAIL.</summary>
    public static ClientLimit Message { get; } = new("smtpd_client_message_rate_limit", static limits => limits.ClientMessageRateLimit)
    {
        Event = AnvilEvent.Message,
        Commands = [Verb.Mail],
        Moments = LimitMoments.Command,
        Subject = "Message delivery request rate",
        StatisticsName = "message",
        Text = static (_, client) => $"450 4.7.1 Error: too much mail from {client}",
    };

    /// <summary>RCPT and VRFY.</summary>
    public static ClientLimit Recipient { get; } = new("smtpd_client_recipient_rate_limit", static limits => limits.ClientRecipientRateLimit)
    {
        Event = AnvilEvent.Recipient,
        Commands = [Verb.Rcpt, Verb.Vrfy],
        Moments = LimitMoments.Command,
        Subject = "Recipient address rate",
        StatisticsName = "recipient",
        Text = static (_, client) => $"450 4.7.1 Error: too many recipients from {client}",
    };

    /// <summary>TLS sessions a client negotiates anew. Asked about at STARTTLS, too, in words of its own (smtpd.c, <c>starttls_cmd</c>).</summary>
    public static ClientLimit NewTlsSession { get; } = new("smtpd_client_new_tls_session_rate_limit", static limits => limits.ClientNewTlsSessionRateLimit)
    {
        Event = AnvilEvent.NewTlsSession,
        Moments = LimitMoments.Command | LimitMoments.Handshake,
        Subject = "New TLS session rate",
        StatisticsName = "newtls",
        HasNameInReply = true,
        Text = static (host, client) => $"421 4.7.0 {host} Error: too many new TLS sessions from {client}",
    };

    /// <summary>AUTH.</summary>
    public static ClientLimit Auth { get; } = new("smtpd_client_auth_rate_limit", static limits => limits.ClientAuthRateLimit)
    {
        Event = AnvilEvent.Auth,
        Commands = [Verb.Auth],
        Moments = LimitMoments.Command,
        Subject = "AUTH command rate",
        StatisticsName = "auth",
        Text = static (_, client) => $"450 4.7.1 Error: too many AUTH commands from {client}",
    };

    /// <summary>Commands the MTA refuses, over all sessions of a client.</summary>
    public static ClientLimit Error { get; } = new("shield_client_error_rate_limit", static limits => limits.ClientErrorRateLimit)
    {
        Event = AnvilEvent.Error,
        Moments = LimitMoments.Connect | LimitMoments.Command,
        Subject = "Error rate",
        StatisticsName = "error",
        Text = static (host, client) => $"421 4.7.0 {host} Error: too many errors from {client}",
    };

    /// <summary>Logins the MTA refuses, over all sessions of a client.</summary>
    public static ClientLimit AuthFailure { get; } = new("shield_client_auth_failure_rate_limit", static limits => limits.ClientAuthFailureRateLimit)
    {
        Event = AnvilEvent.AuthFailure,
        Moments = LimitMoments.Connect | LimitMoments.Command,
        Subject = "Authentication failure rate",
        StatisticsName = "authfail",
        Text = static (host, client) => $"421 4.7.0 {host} Error: too many authentication failures from {client}",
    };

    private static readonly ClientLimit[] _all = [ConnectionCount, ConnectionRate, Message, Recipient, NewTlsSession, Auth, Error, AuthFailure];

    private static readonly ClientLimit[] _atConnect = [.. _all.Where(static limit => limit.Moments.HasFlag(LimitMoments.Connect))];

    private static readonly ClientLimit?[] _ofVerb =
        [.. Enum.GetValues<Verb>().Select(static verb => Array.Find(_all, limit => limit.Commands.Contains(verb)))];

    private static readonly ClientLimit[] _ofEvent = [.. Enum.GetValues<AnvilEvent>().Select(static kind => Array.Find(_all, limit => limit.Event == kind)!)];

    /// <summary>All rows, in their order.</summary>
    public static IReadOnlyList<ClientLimit> All => _all;

    /// <summary>The place of a row among <see cref="All"/>.</summary>
    public static int IndexOf(ClientLimit limit) => Array.IndexOf(_all, limit);

    /// <summary>The limit of a parameter; null: it is none on clients.</summary>
    public static ClientLimit? Find(string parameter) => Array.Find(_all, limit => limit.Parameter == parameter);

    /// <summary>The limit a command counts for; null: none.</summary>
    public static ClientLimit? Of(Verb verb) => _ofVerb[(int)verb];

    /// <summary>The limit on events of a kind.</summary>
    public static ClientLimit Of(AnvilEvent kind) => _ofEvent[(int)kind];

    /// <summary>
    /// Whether there is anything to count for. Postfix registers connections as long as one of the limits is set, because all of them need the client's record
    /// (smtpd.c).
    /// </summary>
    public static bool IsAnySet(SmtpdLimitOptions limits)
    {
        foreach (var limit in _all)
        {
            if (limit.IsOn(limits))
                return true;
        }

        return false;
    }

    /// <summary>Whether connections of clients are counted: where a limit is set, or judged in shadow.</summary>
    public static bool IsAnyCounted(ConnectionOptions options) => IsAnySet(options.Limits) || (options.InShadow is { } shadow && IsAnySet(shadow.Limits));

    /// <summary>Whether one of the counts is over its limit.</summary>
    public static bool IsAnyExceeded(in AnvilCounts counts, SmtpdLimitOptions limits) => FirstExceeded(_all, counts, limits) is not null;

    /// <summary>Judges a client that connects, by all limits that are judged then.</summary>
    /// <param name="counts">Its counts, this connection included.</param>
    /// <param name="limits">The limits.</param>
    /// <returns>The first limit it is over; null: it may come in.</returns>
    public static LimitHit? JudgeAtConnect(in AnvilCounts counts, SmtpdLimitOptions limits) => FirstExceeded(_atConnect, counts, limits);

    private static LimitHit? FirstExceeded(ClientLimit[] rows, in AnvilCounts counts, SmtpdLimitOptions limits)
    {
        foreach (var limit in rows)
        {
            if (limit.Judge(counts, limits) is { } hit)
                return hit;
        }

        return null;
    }
}
