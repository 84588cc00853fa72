using SmtpShield.Limits;
using SmtpShield.Metrics;

namespace SmtpShield.Bans;

/// <summary>Which rule a refusal was by, of those that can ban.</summary>
internal static class BanRules
{
    /// <summary>The rule's parameter; null: it is no refusal, or by a rule that bans nobody.</summary>
    public static string? Of(in ClientEvent noted) => noted.Kind switch
    {
        ClientEventKind.Limit => noted.Rule!.Parameter,
        ClientEventKind.TooManyErrors => LimitRules.HardErrors,
        ClientEventKind.ForbiddenCommand => LimitRules.ForbiddenCommands,
        ClientEventKind.Pipelining => LimitRules.Pipelining,
        _ => null,
    };
}
