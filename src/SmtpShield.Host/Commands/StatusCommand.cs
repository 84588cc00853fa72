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

    private static readonly OutputColumn[] _head =
    [
        new("SERVICE", Least: 10), new("SESSIONS", IsNumber: true), new("LIMIT", IsNumber: true), new("CONN/S", IsNumber: true),
        new("MAIL/S", IsNumber: true), new("REFUSED/S", IsNumber: true), new("STRESS"), new("SHADOW"),
    ];

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
                : new ControlQuestion(options).AskAsync(
                    arguments, HttpMethod.Get, resource, change: null,
                    (text, output) => Print(text, output, hasPlaces: arguments.GetValue(service) is not null), cancellationToken);
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
    /// <param name="text">Its JSON.</param>
    /// <param name="output">Where to.</param>
    /// <param name="hasPlaces">Whether also where services listen.</param>
    public static void Print(string text, PlainOutput output, bool hasPlaces = false)
    {
        var status = JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!;
        output.Line($"SmtpShield {status.Version}, up {Uptime(TimeSpan.FromSeconds(status.UptimeS))}"
            + (status.Configuration is { } configuration ? $", {configuration.Path}, revision {configuration.Generation}" : "")
            + (status.Overrides is > 0 and var overrides ? $", {Count(overrides, "override")}" : "")
            + (status.Draining ? ", stopping" : ""));
        if (status.Configuration is not null)
            Print(status.Configuration, output);
        output.Table(hasPlaces ? [.. _head, new("LISTENS")] : _head, status.Services.Select(service => (string[])[
            service.Name, Number(service.Sessions), Number(service.ProcessLimit), Rate(service.ConnectionsS), Rate(service.MessagesS), Rate(service.RefusedS),
            service.Stress ? "yes" : "no", service.ShadowRules > 0 ? Count(service.ShadowRules, "rule") : "no",
            .. hasPlaces ? [string.Join(' ', service.Endpoints)] : Array.Empty<string>()]));
        StatusMtas.Print(status.Upstreams, status.Services.Select(static service => service.Name), output);
        if (status.Truncated)
            output.Line("there are more");
        PrintTables(status, output);
        foreach (var sentence in status.Attention)
            output.Line($"attention: {sentence}");
    }

    private static void PrintTables(ShieldStatus status, PlainOutput output)
    {
        if (status.Clients is not { } clients)
            return;
        string?[] parts =
        [
            string.Create(CultureInfo.InvariantCulture, $"clients {clients.Clients} of {clients.Size}"),
            Dropped("dropped", clients.Dropped),
            Dropped("not counted", clients.Untracked ?? 0),
            $"limited {Number(clients.Limited ?? 0)}",
            $"banned {Number(status.Bans?.Total ?? 0)}{(status.Bans?.Kernel is { } kernel ? $" (kernel {Number(kernel.Auto + kernel.Manual)})" : "")}",
            Dropped("forgotten", status.History?.Dropped ?? 0),
            status.Log is { } log ? string.Create(CultureInfo.InvariantCulture, $"log {log.LinesS ?? 0:0.#} lines/s, {log.Lost} lost") : null,
        ];
        output.Line(string.Join("   ", parts.OfType<string>()));
        if (status.Sharing is { } sharing)
            output.Line($"counted together with {Count(sharing.Shields - 1, "other shield")}, over {sharing.Store}");
    }

    private static string? Dropped(string what, long count) => count > 0 ? string.Create(CultureInfo.InvariantCulture, $"{what} {count}") : null;

    private static void Print(ConfigurationReport configuration, PlainOutput output)
    {
        // As smtpshield check does: notes are about what the shield does not use.
        foreach (var problem in configuration.Problems.Where(static problem => problem.Severity != "note"))
        {
            var place = problem.Line is { } line ? $"{problem.Source}, line {line}" : problem.Source;
            output.Line($"{problem.Severity}: {place}: {problem}");
        }
        if (configuration.Truncated)
            output.Line("there are more");
    }

    // 12d 4h, 4h 12m, 12m 5s, 5s.
    private static string Uptime(TimeSpan up)
    {
        (int Count, string Unit)[] units = [((int)up.TotalDays, "d"), (up.Hours, "h"), (up.Minutes, "m"), (up.Seconds, "s")];
        return string.Join(
            ' ', units.SkipWhile(static unit => unit is { Count: 0, Unit: not "s" }).Take(2).Select(static unit => $"{Number(unit.Count)}{unit.Unit}"));
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Rate(double? perSecond) => perSecond?.ToString("0.0", CultureInfo.InvariantCulture) ?? PlainOutput.Nothing;

    private static string Count(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");
}
