using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield upstream</c>: the MTAs of a running shield, and what an operator does with them.</summary>
internal static class UpstreamCommand
{
    private const string Resource = "v1/upstreams";

    private static readonly string[] _head = ["SERVICE", "UPSTREAM", "STATE", "SESSIONS", "KEPT", "LIMIT", "WAITING", "SINCE", "REASON"];

    /// <summary>Makes the command.</summary>
    public static Command Create() => new("upstream", "Look at the MTAs of the running shield, take them out of service and back.")
    {
        List(),
        Act("drain", "Give an MTA no new sessions; those it has may finish. It lasts until ready, or the shield's restart."),
        Act("ready", "Give it sessions again, and forget what was held against it."),
        Act("probe", "Look now whether it serves."),
    };

    /// <summary>Prints a list.</summary>
    public static void Print(string text, PlainOutput output) => Print(JsonSerializer.Deserialize(text, ControlJson.Default.UpstreamList)!, output);

    private static void Table(IEnumerable<UpstreamReport> upstreams, PlainOutput output) => output.Table(_head, upstreams.Select(upstream => (string[])[
        upstream.Service, upstream.Name, upstream.State, Number(upstream.Sessions), Number(upstream.Kept),
        Number(upstream.LimitInForce ?? upstream.Limit), Number(upstream.Waiting), output.Time(upstream.Since), ReasonOf(upstream)]));

    /// <summary>Why an MTA is not up, or is hard pressed; empty: neither.</summary>
    public static string ReasonOf(UpstreamReport upstream) =>
        upstream is { Reason: null or "", Stress: > 0 } ? $"stress {upstream.Stress}: {upstream.StressReason}" : upstream.Reason ?? "";

    private static void Print(UpstreamList list, PlainOutput output)
    {
        Table(list.Upstreams, output);
        if (list.Truncated)
            output.Line("there are more");
        foreach (var sentence in list.Attention)
            output.Line($"attention: {sentence}");
    }

    private static Command List()
    {
        var options = new ControlArguments();
        var name = new Argument<string?>("name") { Description = "Only this MTA, host:port as in shield_upstream.", Arity = ArgumentArity.ZeroOrOne };
        var service = new Option<string?>("--service") { Description = "Only this service's.", HelpName = "name" };
        var command = new Command("list", "Print the MTAs, a line for each service that has one.") { name, service };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
            new ControlQuestion(options).AskAsync(
                arguments, HttpMethod.Get, ResourceQuery.Of(Resource, ("name", arguments.GetValue(name)), ("service", arguments.GetValue(service))),
                change: null, Print, cancellationToken));
        return command;
    }

    private static Command Act(string action, string description)
    {
        var options = new ControlArguments();
        var name = new Argument<string>("name") { Description = "The MTA, host:port as in shield_upstream." };
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command(action, description) { name, why };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) => new ControlQuestion(options).AskAsync(
            arguments,
            HttpMethod.Post,
            $"{Resource}/{Uri.EscapeDataString(arguments.GetValue(name)!)}/{action}",
            JsonSerializer.Serialize(new ChangeRequest(arguments.GetValue(why)), RequestJson.Default.ChangeRequest),
            Print,
            cancellationToken));
        return command;
    }

    private static string Number(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
}
