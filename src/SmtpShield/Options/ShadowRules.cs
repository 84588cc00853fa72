using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Options;

/// <summary>The limits that may be in shadow, and how options are split into what is enforced and what is only judged.</summary>
internal static class ShadowRules
{
    /// <summary>The rule that stands for all automatic bans.</summary>
    public const string BanThreshold = "shield_ban_threshold";

    private const string ProtectsTheShield = "it protects the shield itself, and has to act";
    private const string ProtectsTheMessage = "it keeps a second message from being smuggled in, and has to act";

    /// <summary>All there are: limits on clients in the order they are judged in, then rules of a session, and bans.</summary>
    public static IReadOnlyList<ShadowRule> All { get; } =
    [
        Limit("smtpd_client_connection_count_limit", 0, static of => of.ClientConnectionCountLimit,
            static (of, value) => of with { ClientConnectionCountLimit = value }),
        Limit("smtpd_client_connection_rate_limit", 0, static of => of.ClientConnectionRateLimit,
            static (of, value) => of with { ClientConnectionRateLimit = value }),
        Limit("smtpd_client_message_rate_limit", 0, static of => of.ClientMessageRateLimit, static (of, value) => of with { ClientMessageRateLimit = value }),
        Limit("smtpd_client_recipient_rate_limit", 0, static of => of.ClientRecipientRateLimit,
            static (of, value) => of with { ClientRecipientRateLimit = value }),
        Limit("smtpd_client_new_tls_session_rate_limit", 0, static of => of.ClientNewTlsSessionRateLimit,
            static (of, value) => of with { ClientNewTlsSessionRateLimit = value }),
        Limit("smtpd_client_auth_rate_limit", 0, static of => of.ClientAuthRateLimit, static (of, value) => of with { ClientAuthRateLimit = value }),
        Limit("shield_client_error_rate_limit", 0, static of => of.ClientErrorRateLimit, static (of, value) => of with { ClientErrorRateLimit = value }),
        Limit("shield_client_auth_failure_rate_limit", 0, static of => of.ClientAuthFailureRateLimit,
            static (of, value) => of with { ClientAuthFailureRateLimit = value }),
        Limit("smtpd_soft_error_limit", int.MaxValue, static of => of.SoftErrorLimit, static (of, value) => of with { SoftErrorLimit = value }),
        Limit("smtpd_hard_error_limit", int.MaxValue, static of => of.HardErrorLimit, static (of, value) => of with { HardErrorLimit = value }),
        Limit("smtpd_junk_command_limit", int.MaxValue, static of => of.JunkCommandLimit, static (of, value) => of with { JunkCommandLimit = value }),
        Limit("smtpd_recipient_limit", int.MaxValue, static of => of.RecipientLimit, static (of, value) => of with { RecipientLimit = value }),
        Smtpd("smtpd_forbid_unauth_pipelining", false, static of => of.ForbidUnauthPipelining,
            static (of, value) => of with { ForbidUnauthPipelining = value }),
        Smtpd("smtpd_forbidden_commands", ForbiddenCommands.None, static of => of.ForbiddenCommands,
            static (of, value) => of with { ForbiddenCommands = value }),
        Smtpd("smtpd_helo_required", false, static of => of.HeloRequired, static (of, value) => of with { HeloRequired = value }),
        Smtpd("shield_session_time_limit", TimeSpan.Zero, static of => of.SessionTimeLimit, static (of, value) => of with { SessionTimeLimit = value }),
        Smtpd("smtpd_per_request_deadline", false, static of => of.PerRequestDeadline, static (of, value) => of with { PerRequestDeadline = value }),
        Smtpd("smtpd_min_data_rate", 1, static of => of.MinDataRate, static (of, value) => of with { MinDataRate = value }),
        new(BanThreshold, 0, static all => all.Bans.Threshold, static (all, value) => all with { Bans = all.Bans with { Threshold = (int)value } }),
    ];

    private static readonly Dictionary<string, int> _indices = All.Index().ToDictionary(static rule => rule.Item.Name, static rule => rule.Index);

    private static readonly Dictionary<string, string> _reasons = new()
    {
        ["smtpd_timeout"] = ProtectsTheShield,
        ["shield_request_deadline"] = ProtectsTheShield,
        ["line_length_limit"] = ProtectsTheShield,
        ["default_process_limit"] = ProtectsTheShield,
        ["shield_client_table_size"] = ProtectsTheShield,
        ["smtpd_starttls_timeout"] = ProtectsTheShield,
        ["shield_tls_handshake_limit"] = ProtectsTheShield,
        ["shield_tls_handshake_timeout"] = ProtectsTheShield,
        ["shield_tls_passthrough_size_limit"] = ProtectsTheShield,
        ["smtpd_forbid_bare_newline"] = ProtectsTheMessage,
        ["shield_accept_lf_commands"] = ProtectsTheMessage,
    };

    /// <summary>The place of a rule among <see cref="All"/>.</summary>
    public static int IndexOf(string name) => _indices[name];

    /// <summary>Whether there is such a rule.</summary>
    public static bool Contains(string name) => _indices.ContainsKey(name);

    /// <summary>Why a parameter is none of them.</summary>
    public static string WhyNot(string name) => _reasons.GetValueOrDefault(name, "it is no limit that clients hit");

    /// <summary>The rules whose values in shadow have no effect.</summary>
    public static IEnumerable<ShadowRule> Suspended(ShieldOptions options) => options.InShadow is not { } judged ? []
        : All.Where(rule => options.Shadow.Rules.Takes(rule.Name) && !rule.IsOff(judged));

    /// <summary>The rules that are judged in shadow, those with a value beside the one in force among them.</summary>
    public static IEnumerable<ShadowRule> Judged(ShieldOptions options) => options.InShadow is not { } judged ? []
        : All.Where(rule => options.Shadow.Rules.Has(rule.Name) && !rule.IsOff(judged));

    /// <summary>Splits options: those that are enforced, with what is judged in shadow beside them.</summary>
    public static ShieldOptions Split(ShieldOptions options)
    {
        if (options.Shadow.Rules is not { IsEmpty: false } list)
            return options;

        var enforced = ShadowLimits.EnforcedBy(options);
        var configured = enforced;
        var judged = All.Aggregate(enforced, static (all, rule) => rule.With(all, rule.Off));
        foreach (var rule in All)
        {
            if (list.Candidates.TryGetValue(rule.Name, out var candidate))
                judged = rule.With(judged, candidate);
            if (!list.Takes(rule.Name))
                continue;

            judged = rule.With(judged, rule.Of(configured));
            enforced = rule.With(enforced, rule.Off);
        }

        // Where bans are in force, hits in shadow would lead to some.
        if (judged.Bans.Threshold == 0 && !list.Takes(BanThreshold) && options.Bans.Rules.Any(rule => !All[IndexOf(rule)].IsOff(judged)))
            judged = judged with { Bans = enforced.Bans };
        return options with { Limits = enforced.Limits, Smtpd = enforced.Smtpd, Bans = enforced.Bans, InShadow = judged };
    }

    private static ShadowRule Limit(string name, int off, Func<SmtpdLimitOptions, int> of, Func<SmtpdLimitOptions, int, SmtpdLimitOptions> with) =>
        new(name, off, all => of(all.Limits), (all, value) => all with { Limits = with(all.Limits, (int)value) });

    private static ShadowRule Smtpd<T>(string name, T off, Func<SmtpdOptions, T> of, Func<SmtpdOptions, T, SmtpdOptions> with) where T : notnull =>
        new(name, off, all => of(all.Smtpd), (all, value) => all with { Smtpd = with(all.Smtpd, (T)value) });
}
