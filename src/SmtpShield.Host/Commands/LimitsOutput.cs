using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Tuning;

namespace SmtpShield.Host.Commands;

/// <summary>Prints what a change of limits came to: a line for each service, and what follows.</summary>
internal static class LimitsOutput
{
    /// <summary>Prints an answer.</summary>
    /// <param name="text">The answer's JSON.</param>
    /// <param name="last">The last line, of its revision.</param>
    /// <param name="goesOn">Whether it is not over with that: then there is no last line.</param>
    /// <param name="output">Where to.</param>
    public static void Print(string text, Func<string, string> last, bool goesOn, PlainOutput output)
    {
        var answer = JsonSerializer.Deserialize(text, ControlJson.Default.ParameterChanges)!;
        var hasMany = answer.Changes.Select(static change => change.Name).Distinct().Count() > 1;
        var names = answer.Changes.Select(static change => change.Name.Length).DefaultIfEmpty().Max();
        var services = answer.Changes.Select(static change => change.Service.Length).DefaultIfEmpty().Max();
        foreach (var change in answer.Changes)
        {
            var place = $"{(hasMany ? change.Name.PadRight(names) + "  " : "")}{change.Service.PadRight(services)}";
            output.Line($"{place}  {WhatOf(change, answer.At, output)}{OverOf(change)}");
        }

        foreach (var note in answer.Notes)
            output.Line($"note: {note}");
        if (!goesOn)
            output.Line(answer.DryRun ? "dry run: nothing was changed" : last(answer.Revision.ToString(CultureInfo.InvariantCulture)));
    }

    private static string WhatOf(ParameterChange change, DateTimeOffset? now, PlainOutput output)
    {
        if (!change.Applies)
            return $"keeps {Shown(change.After)}: it has a value of its own ({change.Origin}); --service {change.Service} changes it";
        var what = change.Before == change.After ? $"stays {Shown(change.After)}" : $"{Shown(change.Before)} -> {Shown(change.After)}";
        return change.Origin != "runtime" ? $"{what} ({change.Origin})" : change.Until is { } until ? $"{what} until {output.TimeAt(until, now)}" : what;
    }

    private static string OverOf(ParameterChange change)
    {
        if (change.OverSessions is { } sessions)
            return sessions == 0 ? "; over it now: no session" : $"; over it now: {Number(sessions)} {(sessions == 1 ? "session" : "sessions")}";
        if (change.Over is not { } over)
            return "";
        if (over.Clients == 0)
            return "; over it now: nobody";
        var deliver = over.Named.Where(static client => client.Delivers).Select(static client => client.Client).ToList();
        var mail = over.Deliver == 0 ? "none of them delivers mail"
            : $"{Number(over.Deliver)} of them {(over.Deliver == 1 ? "delivers" : "deliver")} mail: {string.Join(", ", deliver)}"
                + (over.Deliver > deliver.Count ? ", ..." : "");
        return $"; over it now: {Number(over.Clients)} {(over.Clients == 1 ? "client" : "clients")}, {mail}";
    }

    private static string Shown(string value) => value.Length > 0 ? value : "(empty)";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
