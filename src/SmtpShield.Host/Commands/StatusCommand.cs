using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Status;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield status</c>: how a running shield is.</summary>
internal static class StatusCommand
{
    /// <summary>The exit status of <c>--check</c> when there is something a person should look at; Nagios' WARNING.</summary>
    public const int Warning = 1;

    /// <summary>That when a service has no MTA that is up, or no place left; Nagios' CRITICAL.</summary>
    public const int Critical = 2;

    /// <summary>That when nobody says; Nagios' UNKNOWN.</summary>
    public const int Unknown = ControlQuestion.NoShield;

    private static readonly string[] _head = ["SERVICE", "SESSIONS", "LIMIT", "CONN/S", "MAIL/S", "REFUSED/S", "STRESS", "SHADOW", "LISTENS"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var service = new Option<string?>("--service") { Description = "Only this service, and its MTAs.", HelpName = "name" };
        var check = new Option<bool>("--check")
        {
            Description = "Print one line, and exit as Nagios' plugins do: 0 fine, 1 something to look at, 2 no MTA or no place left, 3 no answer.",
        };
        var command = new Command("status", "Print how the running shield is: its configuration, services and MTAs, and what to look at.") { service, check };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var resource = ResourceQuery.Of("v1/status", ("service", arguments.GetValue(service)));
            return arguments.GetValue(check) ? CheckAsync(options, arguments, resource, cancellationToken)
                : new ControlQuestion(options).AskAsync(arguments, HttpMethod.Get, resource, change: null, Print, cancellationToken);
        });
        return command;
    }

    private static async Task<int> CheckAsync(ControlArguments options, ParseResult arguments, string resource, CancellationToken cancellationToken)
    {
        var isAnswered = false;
        var result = await new ControlQuestion(options).AskAsync(
            arguments, HttpMethod.Get, resource, change: null,
            (text, output) =>
            {
                var status = JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!;
                isAnswered = true;
                var judged = StatusOf(status);
                output?.Line(judged switch
                {
                    Critical => $"CRITICAL: {string.Join("; ", status.Attention)}",
                    Warning => $"WARNING: {string.Join("; ", status.Attention)}",
                    _ => $"OK: {Count(status.Connections, "connection")}, {Count(status.Clients?.Limited ?? 0, "client")} limited",
                });
                return judged;
            },
            cancellationToken);
        if (isAnswered)
            return result;

        // What monitoring shows is standard output.
        await arguments.InvocationConfiguration.Output.WriteLineAsync("UNKNOWN: the shield can't be asked");
        return Unknown;
    }

    /// <summary>What <c>--check</c> makes of it.</summary>
    public static int StatusOf(ShieldStatus status) =>
        status.Services.Any(service => service.IsFull || LacksMta(status.Upstreams.Where(upstream => upstream.Service == service.Name))) ? Critical
        : status.Attention.Count > 0 ? Warning : ControlQuestion.Done;

    private static bool LacksMta(IEnumerable<UpstreamReport> upstreams) =>
        upstreams.Any() && upstreams.All(static upstream => upstream.State is not (UpstreamState.Up or UpstreamState.Busy));

    /// <summary>Prints an answer.</summary>
    public static void Print(string text, PlainOutput output)
    {
        var status = JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!;
        output.Line($"smtpshield {status.Version}, process {status.Process}, since {output.Time(status.Started)}, "
            + $"{Count(status.Connections, "connection")}{(status.Draining ? ", stopping" : "")}");
        if (status.Configuration is { } configuration)
            Print(configuration, status.Overrides ?? 0, output);
        output.Line("");
        output.Table(_head, status.Services.Select(static service => (string[])[
            service.Name, service.Sessions.ToString(CultureInfo.InvariantCulture), service.ProcessLimit.ToString(CultureInfo.InvariantCulture),
            Rate(service.ConnectionsS), Rate(service.MessagesS), Rate(service.RefusedS),
            service.Stress ? "yes" : "no", service.ShadowRules > 0 ? service.ShadowRules.ToString(CultureInfo.InvariantCulture) : "no",
            string.Join(' ', service.Endpoints)]));
        output.Line("");
        UpstreamCommand.Table(status.Upstreams, output);
        if (status.Truncated)
            output.Line("there are more");
        PrintTables(status, output);
        foreach (var sentence in status.Attention)
            output.Line($"attention: {sentence}");
    }

    private static void PrintTables(ShieldStatus status, PlainOutput output)
    {
        if (status is not { Clients: { } clients, History: { } history })
            return;
        output.Line("");
        output.Line(string.Create(CultureInfo.InvariantCulture, $"clients {clients.Clients} of {clients.Size}, {clients.Limited ?? 0} limited; ")
            + string.Create(CultureInfo.InvariantCulture, $"remembered {history.Clients} of {history.Size}, {history.Dropped} dropped")
            + (status.Bans is { Total: > 0 } bans ? string.Create(CultureInfo.InvariantCulture, $"; banned {bans.Total}, {bans.Manual} by hand") : "")
            + (status.Log is { } log ? string.Create(CultureInfo.InvariantCulture, $"; log {Rate(log.LinesS)} lines/s, {log.Lost} lost") : ""));
    }

    private static void Print(ConfigurationReport configuration, int overrides, PlainOutput output)
    {
        output.Line($"configuration {configuration.Path}, generation {configuration.Generation}, in force since {output.Time(configuration.InForceSince)}"
            + (overrides > 0 ? $", {Count(overrides, "override")}" : "")
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

    private static string Rate(double? perSecond) => perSecond?.ToString("0.0", CultureInfo.InvariantCulture) ?? PlainOutput.Nothing;

    private static string Count(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");
}
