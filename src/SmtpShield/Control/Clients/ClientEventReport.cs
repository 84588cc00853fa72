using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Protocol;

namespace SmtpShield.Control.Clients;

/// <summary>Something a client was refused.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">
/// <c>limit</c>, <c>handshakes</c>, <c>error</c>, <c>too_many_errors</c>, <c>forbidden_command</c>, <c>pipelining</c> or <c>released</c>.
/// </param>
internal sealed record ClientEventReport(DateTimeOffset At, string Kind)
{
    private const string HardErrorLimit = "smtpd_hard_error_limit";
    private const string HandshakeLimit = "shield_tls_handshake_limit";

    /// <summary>The parameter behind it.</summary>
    public string? Rule { get; init; }

    /// <summary>The command the MTA refused.</summary>
    public string? Verb { get; init; }

    /// <summary>The reply's code; null: nothing was said.</summary>
    public int? Code { get; init; }

    /// <summary>What was counted.</summary>
    public int? Count { get; init; }

    /// <summary>The limit it was above.</summary>
    public int? Limit { get; init; }

    /// <summary>As the history has it.</summary>
    public static ClientEventReport Of(in ClientEvent noted, AnvilTable table) => new(table.TimeOf(noted.Second), noted.Kind.Word())
    {
        Rule = RuleOf(noted.Kind, noted.Rule),
        Verb = noted.Verb?.Name(),
        Code = noted.Code > 0 ? noted.Code : null,
        Count = noted.Kind == ClientEventKind.Released ? null : noted.Count,
        Limit = noted.Limit > 0 ? noted.Limit : null,
    };

    /// <summary>The parameter behind a refusal; null: there is none.</summary>
    /// <param name="kind">What was refused.</param>
    /// <param name="rule">Which limit, where one per client was.</param>
    public static string? RuleOf(ClientEventKind kind, ClientLimit? rule) => kind switch
    {
        ClientEventKind.Limit => rule!.Parameter,
        ClientEventKind.Handshakes => HandshakeLimit,
        ClientEventKind.TooManyErrors => HardErrorLimit,
        ClientEventKind.ForbiddenCommand => LimitRules.ForbiddenCommands,
        ClientEventKind.Pipelining => LimitRules.Pipelining,
        _ => null,
    };
}
