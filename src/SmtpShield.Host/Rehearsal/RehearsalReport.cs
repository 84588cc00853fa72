using System.Globalization;
using SmtpShield.Host.Commands;

namespace SmtpShield.Host.Rehearsal;

/// <summary>Says what came of a rehearsal.</summary>
internal static class RehearsalReport
{
    private static readonly string[] _acts = ["ATTACK", "ADDRESSES", "LET THROUGH", "NORMAL MAIL", "STOPPED BY"];
    private static readonly string[] _rules = ["LIMIT", "VALUE", "ON ATTACKERS", "ON NORMAL", "VERDICT"];

    /// <summary>Prints what the clients do.</summary>
    public static void PrintCast(NormalTraffic traffic, RehearsalScale scale, PlainOutput output)
    {
        foreach (var (name, does) in traffic.Kinds)
            output.Line(string.Create(CultureInfo.InvariantCulture, $"  {scale.Clients} x {name,-8} {does}"));
    }

    /// <summary>Prints a service's acts, limits, and what is to be said of them.</summary>
    public static void Print(ServiceRehearsal rehearsal, IEnumerable<string> off, PlainOutput output)
    {
        output.Table(_acts, rehearsal.Acts.Select(RowOf));
        output.Table(_rules, rehearsal.Rules.Select(static rule => (string[])
            [rule.Name, rule.IsInShadow ? $"{rule.Value}(shadow)" : rule.Value, Number(rule.OnAttackers), Number(rule.OnNormal), rule.Verdict]));
        output.Line($"off: {string.Join(", ", off)}");
        foreach (var line in LinesOf(rehearsal))
            output.Line(line);
    }

    private static string[] RowOf(RehearsalAct act) =>
    [
        act.Name,
        act.Attack is { } attack ? Number(attack.Addresses) : "",
        act.Attack is null ? "" : $"{act.Attackers.Through}/{act.Attackers.Tried}",
        $"{act.Normal.Delivered}/{act.Normal.Offered}",
        act.Attack is null ? "" : act.StoppedBy.Count > 0 ? string.Join(", ", act.StoppedBy.Keys) : "nothing",
    ];

    private static IEnumerable<string> LinesOf(ServiceRehearsal rehearsal)
    {
        foreach (var rule in rehearsal.Rules.Where(static rule => rule is { OnNormal: > 0, IsBehindAnother: false }))
            yield return $"error: {rule.Name} = {rule.Value} {(rule.IsInShadow ? "in shadow would hit" : "hits")} normal traffic";
        foreach (var act in rehearsal.Acts)
        {
            var when = act.Attack is { } attack ? $"under {attack.Name}" : "without an attack";
            foreach (var (kind, clients, first) in act.Normal.Noticed)
                yield return $"error: {when} {clients} of the clients {kind} {(clients == 1 ? "was" : "were")} told: {first}";
            if (act.IsCutOff)
                yield return $"attention: {act.Name} was still going on when its time was over";
        }

        foreach (var act in rehearsal.Acts.Where(static act => act is { Attack: not null, StoppedBy.Count: 0, Attackers.Through: > 0 }))
            yield return $"attention: nothing stops {act.Name}: {act.Attack!.Summary}; {act.Attackers.Through} {act.Attack.Unit} let through";
        if (rehearsal.IsFine)
            yield return "fine: no limit hits normal traffic, and its mail was accepted in each act";
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
