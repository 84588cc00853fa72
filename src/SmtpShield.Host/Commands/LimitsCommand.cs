using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Tuning;

namespace SmtpShield.Host.Commands;

/// <summary>
/// <c>smtpshield limits</c>: what the limits and times of the running shield are, and where each was set; with <c>set</c> and <c>reset</c> it tunes.
/// </summary>
internal static class LimitsCommand
{
    /// <summary>The path of the API.</summary>
    public const string Resource = "v1/parameters";

    private static readonly string[] _head = ["SERVICE", "PARAMETER", "ORIGIN", "UNTIL", "HITS", "STRESS", "VALUE"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var names = new Argument<string[]>("name") { Description = "Only these parameters.", Arity = ArgumentArity.ZeroOrMore };
        var service = new Option<string?>("--service") { Description = "Only this service's.", HelpName = "name" };
        var command = new Command("limits", "Print the limits and times of the running shield and where each was set, or change them.")
        {
            LimitsSetCommand.Create(), LimitsResetCommand.Create(), names, service,
        };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var wanted = arguments.GetValue(names) ?? [];
            return new ControlQuestion(options).AskAsync(
                arguments,
                HttpMethod.Get,
                // One that is not there the shield explains.
                ResourceQuery.Of(Resource, ("service", arguments.GetValue(service)), ("name", wanted is [var only] ? only : null)),
                change: null,
                (text, output) =>
                {
                    var list = JsonSerializer.Deserialize(text, ControlJson.Default.ParameterList)!;
                    var missing = wanted.Except(list.Parameters.Select(static parameter => parameter.Name)).ToList();
                    foreach (var name in missing)
                        new PlainOutput(arguments.InvocationConfiguration.Error, options.ZoneOf(arguments)).Line($"smtpshield: no such parameter: {name}");
                    if (output is not null)
                        Print(list, wanted, output);
                    return missing.Count > 0 ? ControlQuestion.Refused : ControlQuestion.Done;
                },
                cancellationToken);
        });
        return command;
    }

    private static void Print(ParameterList list, string[] wanted, PlainOutput output)
    {
        // Services that have the same share a line.
        var rows = list.Parameters.Where(parameter => wanted.Length == 0 || wanted.Contains(parameter.Name))
            .GroupBy(parameter => (parameter.Name, parameter.Value, parameter.StressValue, parameter.Origin, parameter.Until))
            .OrderBy(static same => same.Key.Name, StringComparer.Ordinal);
        output.Table(_head, rows.Select(same => (string[])[
            string.Join(',', same.Select(static parameter => parameter.Service)), same.Key.Name, same.Key.Origin, output.Time(same.Key.Until),
            HitsOf(same), same.Key.StressValue?.Replace(", ", ",", StringComparison.Ordinal).Replace(' ', ',') ?? "", ValueOf(same.First())]));
        if (list.Truncated)
            output.Line("there are more: name a service");
        output.Line($"revision {list.Revision.ToString(CultureInfo.InvariantCulture)}");
    }

    private static string HitsOf(IEnumerable<ParameterReport> same) =>
        same.Any(static parameter => parameter.HitsLastHour is not null)
            ? same.Sum(static parameter => parameter.HitsLastHour ?? 0).ToString(CultureInfo.InvariantCulture) : "";

    private static string ValueOf(ParameterReport parameter)
    {
        var value = parameter.Value.Length > 0 ? parameter.Value : "(empty)";
        return parameter.Configured is { } configured
            ? $"{value} (without overrides {(configured.Value.Length > 0 ? configured.Value : "(empty)")}, {configured.Origin})" : value;
    }
}
