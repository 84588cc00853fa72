using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Tuning;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield limits set</c>: sets limits and times on the running shield, for a while, until they are reset, or for good.</summary>
internal static class LimitsSetCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var assignments = new Argument<string[]>("name=value")
        {
            Description = "Parameters with their values; submission/inet/name=value for one service.",
            Arity = ArgumentArity.OneOrMore,
        };
        var service = new Option<string?>("--service") { Description = "The value of this service only.", HelpName = "name" };
        var duration = new DurationOption("How long, at most 30d; otherwise until limits reset.");
        var save = new Option<bool>("--save") { Description = "Write main.cf instead, as postconf -e does, and put that in force." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print what would change and who is over it, and change nothing." };
        var why = new Option<string?>("--why") { Description = "For the log, at most 200 characters.", HelpName = "text" };
        var command = new Command("set", "Set limits and times on the running shield.") { assignments, service, duration, save, dryRun, why };
        command.Validators.Add(result =>
        {
            if (result.GetValue(save) && result.GetResult(duration) is not null)
                result.AddError("What is saved has no end: give --for or --save.");
        });
        options.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var error = new PlainOutput(arguments.InvocationConfiguration.Error, options.ZoneOf(arguments));
            var set = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var assignment in arguments.GetValue(assignments)!)
            {
                if (!NameValue.TrySplit(assignment, out var pair, out var wrong))
                {
                    error.Line($"smtpshield: {wrong}: {assignment} (write NAME=VALUE)");
                    return ControlQuestion.Refused;
                }

                set[WrittenName(pair.Name, arguments.GetValue(service))] = pair.Value;
            }

            var (question, isSave) = (new ControlQuestion(options), arguments.GetValue(save));
            var isTrial = arguments.GetValue(dryRun);
            var status = await question.AskAsync(
                arguments,
                HttpMethod.Post,
                LimitsCommand.Resource,
                Json(new(set, ForS: arguments.GetValue(duration), DryRun: isTrial || isSave, Why: arguments.GetValue(why))),
                (text, output) => LimitsOutput.Print(text, revision => $"revision {revision}; back with: smtpshield limits reset {string.Join(' ', set.Keys)}",
                    isSave && !isTrial, output),
                cancellationToken);
            return status != ControlQuestion.Done || !isSave || isTrial
                ? status
                : await new LimitsSave(
                    question, arguments, options.FileOf(arguments), error, "who may write the file? without --save it is set at run time")
                    .SaveAsync(set, arguments.GetValue(why), cancellationToken);
        });
        return command;
    }

    /// <summary>A parameter as main.cf has it.</summary>
    public static string WrittenName(string name, string? service) => service is null ? name : ServiceParameter.Write(service, name);

    /// <summary>A request.</summary>
    public static string Json(ParametersRequest request) => JsonSerializer.Serialize(request, RequestJson.Default.ParametersRequest);
}
