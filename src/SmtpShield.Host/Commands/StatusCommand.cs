using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Status;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield status</c>: how a running shield is.</summary>
internal static class StatusCommand
{
    private static readonly string[] _head = ["SERVICE", "SESSIONS", "LIMIT", "STRESS", "LISTENS"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var command = new Command("status", "Print how the running shield is: its configuration, services and MTAs, and what to look at.");
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
            new ControlQuestion(options).AskAsync(arguments, HttpMethod.Get, "v1/status", change: null, Print, cancellationToken));
        return command;
    }

    private static void Print(string text, PlainOutput output)
    {
        var status = JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!;
        output.Line($"smtpshield {status.Version}, process {status.Process}, since {output.Time(status.Started)}, "
            + $"{Count(status.Connections, "connection")}{(status.Draining ? ", stopping" : "")}");
        if (status.Configuration is { } configuration)
            Print(configuration, output);
        output.Line("");
        output.Table(_head, status.Services.Select(static service => (string[])[
            service.Name, service.Sessions.ToString(CultureInfo.InvariantCulture), service.ProcessLimit.ToString(CultureInfo.InvariantCulture),
            service.Stress ? "yes" : "no", string.Join(' ', service.Endpoints)]));
        output.Line("");
        UpstreamCommand.Table(status.Upstreams, output);
        if (status.Truncated)
            output.Line("there are more");
        if (status.Attention.Count > 0)
            output.Line("");
        foreach (var sentence in status.Attention)
            output.Line($"attention: {sentence}");
    }

    private static void Print(ConfigurationReport configuration, PlainOutput output)
    {
        output.Line($"configuration {configuration.Path}, generation {configuration.Generation}, in force since {output.Time(configuration.InForceSince)}"
            + (configuration.Refused ? $"; what was read at {output.Time(configuration.ReadAt)} was refused" : ""));
        // As smtpshield check does: notes are about what the shield does not use.
        foreach (var problem in configuration.Problems.Where(static problem => problem.Severity != "note"))
        {
            var place = problem.Line is { } line ? $"{problem.Source}, line {line}" : problem.Source;
            output.Line($"{problem.Severity}: {place}: {problem}");
        }
        if (configuration.Truncated)
            output.Line("there are more");
    }

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
