using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield changes</c>: what operators changed on the running shield.</summary>
internal static class ChangesCommand
{
    private static readonly string[] _head = ["NUMBER", "AT", "ACTION", "TARGET", "UNTIL", "BY, WHAT AND WHY"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var after = new Option<string?>("--after") { Description = "Only those behind this number.", HelpName = "number" };
        var service = new Option<string?>("--service") { Description = "Only what was about this service, or about all.", HelpName = "name" };
        var command = new Command("changes", "Print what operators changed on the running shield, or were refused to.") { after, service };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments, HttpMethod.Get, ResourceQuery.Of("v1/changes", ("after", arguments.GetValue(after)), ("service", arguments.GetValue(service))),
            change: null, Print, cancellationToken));
        return command;
    }

    private static void Print(string text, PlainOutput output)
    {
        var list = JsonSerializer.Deserialize(text, ControlJson.Default.ChangeList)!;
        output.Table(_head, list.Changes.Select(change => (string[])[
            change.Number.ToString(CultureInfo.InvariantCulture), output.Time(change.At), change.Action, change.Target, output.Time(change.Until),
            change.By + ": " + WhatOf(change) + (change.Why is { } why ? $" \"{why}\"" : "")]));
        if (list.Truncated)
            output.Line("there were earlier ones");
    }

    /// <summary>What a change was, or why there was none.</summary>
    public static string WhatOf(Change change) => change.Refused is { } refused ? $"refused: {refused}"
        : change.Before is { Length: > 0 } before ? $"{before} -> {change.After}" : change.After ?? "";
}
